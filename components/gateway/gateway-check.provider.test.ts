import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { schemaHash, type Tool } from "../../approval/tool-lock.ts";
import {
  checkGateway,
  type ExpectedClient,
  type ExpectedServer,
  forbiddenCall,
  groupByServer,
  judgeAnswer,
  judgeListing,
  judgeTools,
} from "./gateway-check.provider.ts";

const schema = { type: "object", properties: {} };
const tool = (name: string, description = `Does ${name}`): Tool => ({ name, description, inputSchema: schema });
const listing = (...names: string[]) => groupByServer(names.map((name) => tool(name)));
const locked = (...names: string[]) =>
  Object.fromEntries(
    names.map((name) => [
      name.slice(name.indexOf("-") + 1),
      { description: `Does ${name}`, inputSchema: schemaHash(schema) },
    ]),
  );

const time: ExpectedServer = {
  name: "time",
  container: "mcp-time",
  lock: locked("time-now", "time-convert"),
  call: null,
};
const git: ExpectedServer = { name: "git", container: "mcp-git", lock: locked("git-log"), call: null };
const client: ExpectedClient = { name: "test-key", key: "sk-1", rules: { time: { allow: null, deny: [] } } };
const narrow = (allow: string[] | null, deny: string[]): ExpectedClient => ({
  ...client,
  rules: { time: { allow, deny } },
});

test("tool names are split at the first dash, which no server name holds", () => {
  assert.deepEqual(
    [...listing("time-now", "everything-get-sum", "time-convert")].map(([server, tools]) => [
      server,
      tools.map(({ name }) => name),
    ]),
    [
      ["time", ["now", "convert"]],
      ["everything", ["get-sum"]],
    ],
  );
});

test("a listing of all that is known has no problem", () => {
  assert.equal(
    judgeListing(
      listing("time-now", "time-convert"),
      client,
      [time, git],
      listing("time-now", "time-convert", "git-log"),
    ).size,
    0,
  );
});

for (const [what, seen, problem] of [
  ["no tools", [], ["time", 'lists no tools for "test-key"']],
  ["fewer tools than others see", ["time-convert"], ["time", 'lists 1 tools for "test-key" (convert), without now']],
  [
    "tools of a server the key may not use",
    ["time-now", "time-convert", "git-log"],
    ["git", 'listed for "test-key", whose key may not use it'],
  ],
] as const) {
  test(`a listing with ${what} names the server`, () => {
    assert.deepEqual(
      [...judgeListing(listing(...seen), client, [time, git], listing("time-now", "time-convert", "git-log"))],
      [problem],
    );
  });
}

test("a tool that the client may not call must not be listed", () => {
  const judge = (seen: string[], ...rule: Parameters<typeof narrow>) =>
    judgeListing(listing(...seen), narrow(...rule), [time], listing("time-now", "time-convert"));
  assert.equal(judge(["time-now"], ["now"], []).size, 0);
  assert.equal(judge(["time-now"], null, ["convert"]).size, 0);
  assert.equal(judge([], [], []).size, 0);
  assert.equal(judge(["time-now"], ["convert"], []).get("time"), 'lists now for "test-key", which may not call it');
  assert.equal(
    judge(["time-now", "time-convert"], null, ["convert"]).get("time"),
    'lists convert for "test-key", which may not call it',
  );
  assert.match(judge(["time-now"], null, []).get("time") ?? "", /without convert$/);
  assert.match(judge([], ["now"], []).get("time") ?? "", /lists no tools/);
});

const tools = (servers: ExpectedServer[], seen: ReturnType<typeof listing>, clients = [client]) =>
  judgeTools({ servers, clients }, seen);

test("tools as approved are no problem, nor is a server that lists nothing, which has another", () => {
  assert.equal(tools([time, git], listing("time-now", "time-convert")).size, 0);
});

test("other tools than approved are a problem of that server", () => {
  const [[server, problem] = ["", ""], ...others] = tools([time, git], listing("time-now", "time-more", "git-log"), [
    { ...client, rules: { time: { allow: null, deny: [] }, git: { allow: null, deny: [] } } },
  ]);
  assert.equal(server, "time");
  assert.deepEqual(others, []);
  assert.match(problem, /^lists other tools than mcp\/time\/tools\.lock\.json/);
  assert.match(problem, /^ {2}- convert: removed$/m);
  assert.match(problem, /^ {2}\+ more: Does time-more$/m);
});

test("a server without a lock shows what it lists", () => {
  const problem = tools([{ ...time, lock: null }], listing("time-now")).get("time") ?? "";
  assert.match(problem, /^lists 1 tools that nobody has approved yet \(there is no mcp\/time\/tools\.lock\.json\)/);
  assert.match(problem, /^ {2}\+ now: Does time-now$/m);
});

test("an approved tool that no client may call is not missed: later versions of LiteLLM list it to nobody", () => {
  assert.equal(tools([time], listing("time-now"), [narrow(["now"], [])]).size, 0);
  assert.equal(tools([time], listing("time-now"), [narrow(null, ["convert"])]).size, 0);
  assert.match(tools([time], listing("time-now"), [narrow(["now"], []), client]).get("time") ?? "", /convert: removed/);
});

test("an answer is judged by its text: LiteLLM 1.77.3 loses the error flag", () => {
  assert.equal(judgeAnswer('{"timezone":"UTC"}', false, "UTC"), undefined);
  assert.equal(judgeAnswer("Tuesday", false, "UTC"), 'answered "Tuesday", expected text with "UTC"');
  assert.equal(judgeAnswer("Error: no such tool", false, null), 'answered "Error: no such tool"');
  assert.equal(
    judgeAnswer("MCP client session is not initialized", false, null),
    'answered "MCP client session is not initialized"',
  );
  assert.equal(judgeAnswer("", false, null), 'answered ""');
  assert.equal(judgeAnswer("fine", true, "fine"), 'answered "fine", expected text with "fine"');
});

/** A gateway as it must be: one client, whose key is sk-known, and who may call all of `time`. */
type Deviation = (
  asked: { key: string | undefined; path: string; method: string; tool: string | undefined },
  response: http.ServerResponse,
) => boolean;

/** Runs the check against a gateway that differs from what it must be by `deviation`, which says whether it has answered. */
async function checkAgainst(deviation: Deviation): Promise<unknown> {
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const send = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const key = request.headers.authorization?.replace("Bearer ", "");
    const body = await text(request);
    const { id, method, params } = (body ? JSON.parse(body) : {}) as {
      id?: number;
      method?: string;
      params?: { name?: string };
    };
    if (deviation({ key, path: request.url!, method: method ?? request.method!, tool: params?.name }, response)) return;
    if (request.url !== "/mcp/") return void send(404, { error: "not found" });
    if (key !== "sk-known") return void send(401, { error: "wrong key" });
    if (request.method !== "POST") return void response.writeHead(405).end();
    if (id === undefined) return void response.writeHead(202).end();
    const called = params?.name?.startsWith("time-")
      ? { content: [{ type: "text", text: "noon" }] }
      : { content: [{ type: "text", text: `Error: there is no tool ${params?.name}` }], isError: true };
    const results: Record<string, unknown> = {
      initialize: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "gateway", version: "1" },
      },
      "tools/list": { tools: [tool("time-now"), tool("time-convert")] },
      "tools/call": called,
    };
    send(200, { jsonrpc: "2.0", id, result: results[method!] });
  };
  const gateway = http.createServer((request, response) => void answer(request, response));
  gateway.listen(0, "127.0.0.1");
  await once(gateway, "listening");
  try {
    return await checkGateway({
      gatewayUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
      docker: { host: "unix:///no/such/docker.sock", sshOpts: [] },
      stack: "test",
      servers: [{ ...time, call: { tool: "now", arguments: {}, expect: null } }],
      clients: [{ ...client, key: "sk-known" }],
      strangers: [{ what: "the master key", key: "sk-master" }],
      triggers: [],
    });
  } finally {
    gateway.closeAllConnections();
    gateway.close();
  }
}

test("a gateway as it must be is green", async () => {
  assert.deepEqual(await checkAgainst(() => false), { time: ["convert", "now"] });
});

test("a call that gets no answer is a problem of that server, by name", async () => {
  await assert.rejects(
    checkAgainst(({ tool }, response) => tool === "time-now" && Boolean(response.destroy())),
    /1 of 1 MCP servers failed[^]*MCP server "time" tool now, called with the key of "test-key", got no answer: /,
  );
});

const plain = (response: http.ServerResponse, status: number, body: string) =>
  Boolean(response.writeHead(status).end(body));
for (const [what, deviation, message] of [
  [
    "an unknown key lists",
    ({ key }, response) => key === "sk-not-a-key-of-this-gateway" && plain(response, 200, "{}"),
    /\/mcp\/ with an unknown key must be HTTP 401 "wrong key", and is HTTP 200/,
  ],
  [
    "the master key lists",
    ({ key }, response) => key === "sk-master" && plain(response, 200, "{}"),
    /\/mcp\/ with the master key must be HTTP 401/,
  ],
  [
    "everybody is refused for another reason",
    ({ key }, response) => key !== "sk-known" && plain(response, 500, "MCP request failed"),
    /an unknown key must be HTTP 401 "wrong key", and is HTTP 500/,
  ],
  [
    "a closed route answers",
    ({ path }, response) => path === "/utils/transform_request" && plain(response, 200, "{}"),
    /POST \/utils\/transform_request with the key of "test-key" must be HTTP 404, and is HTTP 200/,
  ],
  [
    "a closed route is there, and refuses",
    ({ path }, response) => path === "/routes" && plain(response, 403, "no"),
    /GET \/routes .* must be HTTP 404, and is HTTP 403/,
  ],
  [
    "a forbidden call is answered",
    ({ tool }, response) => tool === "Nobody-tool" && plain(response, 200, "fine"),
    /a call of Nobody-tool with the key of "test-key" must be refused with "there is no tool Nobody-tool", and is HTTP 200 fine/,
  ],
] as const satisfies readonly (readonly [string, Deviation, RegExp])[])
  test(`what must fail is tried: ${what}`, async () => {
    await assert.rejects(checkAgainst(deviation), (error: Error) => {
      assert.match(error.message, /^gateway check: what must fail did not:\n/);
      assert.match(error.message, message);
      return true;
    });
  });

test("the forbidden call of a client is one of another's server, or one that it is denied", () => {
  const known = listing("git-log", "time-now", "time-convert");
  const rule = { allow: null, deny: [] };
  assert.deepEqual(forbiddenCall({ time: rule }, ["git", "time"], known), {
    tool: "git-log",
    reason: "may not use server git",
  });
  assert.deepEqual(forbiddenCall({ git: rule, time: { allow: ["now"], deny: [] } }, ["git", "time"], known), {
    tool: "time-convert",
    reason: "may not call convert of server time",
  });
  // Listed to nobody, because nobody may call it.
  assert.deepEqual(forbiddenCall({ git: { allow: null, deny: ["push"] }, time: rule }, ["git", "time"], known), {
    tool: "git-push",
    reason: "may not call push of server git",
  });
  assert.equal(forbiddenCall({ git: rule, time: rule }, ["git", "time"], known).tool, "Nobody-tool");
});
