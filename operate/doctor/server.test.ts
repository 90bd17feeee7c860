import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeServer } from "./server.ts";

const server = { name: "time", state: "up", tools: 2, approved: 2, withheld: 0, restarts: 0 };
const away = (reason: string) =>
  `the MCP server time is away since 2026-11-22T08:59:59.000Z (${reason}); it is being started again`;

test("a server that shows what was approved is no finding, nor is one that nobody holds anything back of", () => {
  assert.equal(judgeServer(server, "lan", ""), undefined);
  assert.equal(judgeServer({ ...server, state: "without an adapter", tools: null }, "lan", ""), undefined);
});

for (const [what, changes, said, seen, means, fix] of [
  [
    "lists none",
    { tools: 0 },
    "",
    /lists no tools, and 2 were approved/,
    /it answers, and has none/,
    /npm run tools -- diff time --stack lan/,
  ],
  [
    "lists some that nobody has approved",
    { tools: 0, approved: null, withheld: 3 },
    "",
    /lists 3 tools, and nobody has approved any/,
    /withheld: no client is shown them/,
    /npm run tools -- approve time --stack lan/,
  ],
  [
    "lists others than were approved",
    { tools: 1, withheld: 1 },
    "",
    /1 tools that are not as approved, and shows 1 of 2/,
    /texts or schemas/,
    /tools -- diff time/,
  ],
  ["lists fewer", { tools: 1 }, "", /lists 1 of the 2 tools/, /the rest is gone/, /tools -- diff time/],
  [
    "cannot be started",
    { state: "down", tools: 0 },
    away("it cannot be started: spawn uvx ENOENT"),
    /^server time is away: it cannot be started: spawn uvx ENOENT$/,
    /not in its image/,
    /npm run lock -- time/,
  ],
  [
    "ends",
    { state: "down", tools: 0 },
    away("it ended with exit code 1"),
    /it ended with exit code 1/,
    /ends as soon as it is started/,
    /log/,
  ],
  [
    "hangs",
    { state: "down", tools: 0 },
    away("it did not answer a ping within 10 s"),
    /did not answer a ping/,
    /runs and does nothing/,
    /look again/,
  ],
  [
    "has an adapter that does not answer",
    { state: "no answer: ended with exit code 1", tools: null },
    "",
    /adapter of server time cannot be asked/,
    /nobody can call/,
    /look again/,
  ],
] as const)
  test(`a server that ${what}`, () => {
    const found = judgeServer({ ...server, ...changes }, "lan", said);
    assert.match(found?.seen ?? "", seen);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", fix);
  });
