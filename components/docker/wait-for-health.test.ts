import assert from "node:assert/strict";
import { test } from "node:test";
import { judgeState } from "./wait-for-health.ts";

const running = { Running: true, ExitCode: 0 };
const health = (Status: string, FailingStreak = 0, Output = "") => ({
  ...running,
  Health: { Status, FailingStreak, Log: [{ Output: "an older check" }, { Output }] },
});

for (const [what, state, restarts, verdict] of [
  ["healthy", health("healthy"), 0, "ready"],
  ["without a healthcheck, running", running, 0, "ready"],
  ["starting", health("starting"), 0, "waiting"],
  ["between two starts", { Running: false, ExitCode: 1 }, 2, "waiting"],
  ["called unhealthy because it stopped, with no failed check", health("unhealthy", 0), 1, "waiting"],
  [
    "ending again and again",
    { Running: false, ExitCode: 7 },
    3,
    { problem: "ends again and again, last with exit code 7" },
  ],
  [
    "failing its check",
    health("unhealthy", 3, "tools/list is empty\n"),
    0,
    { problem: "runs, but its healthcheck fails: tools/list is empty" },
  ],
  [
    "failing its check with no log of it",
    { ...running, Health: { Status: "unhealthy", FailingStreak: 1, Log: null } },
    0,
    { problem: "runs, but its healthcheck fails: no output" },
  ],
  [
    "whose adapter starts its server again and again",
    health("starting", 0, '{"state":"away","reason":"it ended with exit code 1","restarts":3}'),
    0,
    { problem: "runs, but its MCP server ends again and again: it ended with exit code 1" },
  ],
  [
    "whose adapter started its server again once",
    health("starting", 0, '{"state":"away","reason":"it ended with exit code 1","restarts":1}'),
    0,
    "waiting",
  ],
  [
    "whose adapter waits for a server in another container",
    health("starting", 0, '{"state":"away","reason":"it cannot be reached: ECONNREFUSED","restarts":5}'),
    0,
    "waiting",
  ],
  [
    "whose adapter has waited long for a server in another container",
    health("unhealthy", 6, '{"state":"away","reason":"it cannot be reached: ECONNREFUSED","restarts":9}'),
    0,
    "waiting",
  ],
  ["whose adapter waits for its server", health("starting", 0, '{"state":"starting","restarts":0}'), 0, "waiting"],
] as const) {
  test(`a container ${what}`, () => assert.deepEqual(judgeState(state, restarts), verdict));
}
