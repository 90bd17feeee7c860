import assert from "node:assert/strict";
import { test } from "node:test";
import { groupByServer, judgeAnswer, judgeListing, type ExpectedServer } from "./gateway-check.provider.ts";

const time: ExpectedServer = { name: "time", container: "mcp-time", tools: ["now", "convert"], call: null };
const git: ExpectedServer = { name: "git", container: "mcp-git", tools: ["log"], call: null };
const client = { name: "test-key", key: "sk-1", servers: ["time"], policy: { servers: {}, everything: false } };

test("tool names are split at the first dash, which no server name holds", () => {
  assert.deepEqual([...groupByServer(["time-now", "everything-get-sum", "time-convert"])], [
    ["time", ["now", "convert"]],
    ["everything", ["get-sum"]],
  ]);
});

test("a listing with every expected tool has no problem; more tools than expected are none", () => {
  assert.equal(judgeListing(groupByServer(["time-now", "time-convert", "time-more"]), client, [time, git]).size, 0);
});

for (const [what, tools, problem] of [
  ["no tools", [], ["time", 'lists no tools for "test-key"']],
  ["missing tools", ["time-convert"], ["time", 'lists 1 tools for "test-key" (convert), without now']],
  ["tools of a server the key may not use", ["time-now", "time-convert", "git-log"], ["git", 'listed for "test-key", whose key may not use it']],
] as const) {
  test(`a listing with ${what} names the server`, () => {
    assert.deepEqual([...judgeListing(groupByServer([...tools]), client, [time, git])], [problem]);
  });
}

test("an answer is judged by its text: LiteLLM 1.77.3 loses the error flag", () => {
  assert.equal(judgeAnswer('{"timezone":"UTC"}', false, "UTC"), undefined);
  assert.equal(judgeAnswer("Tuesday", false, "UTC"), 'answered "Tuesday", expected text with "UTC"');
  assert.equal(judgeAnswer("Error: no such tool", false, null), 'answered "Error: no such tool"');
  assert.equal(judgeAnswer("MCP client session is not initialized", false, null), 'answered "MCP client session is not initialized"');
  assert.equal(judgeAnswer("", false, null), 'answered ""');
  assert.equal(judgeAnswer("fine", true, "fine"), 'answered "fine", expected text with "fine"');
});
