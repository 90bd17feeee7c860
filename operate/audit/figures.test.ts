import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_CALLS, percentile, recentCalls } from "./figures.ts";
import type { AuditRecord } from "./records.ts";

for (const [values, percent, expected] of [
  [[], 50, null],
  [[7], 50, 7],
  [[7], 95, 7],
  [[1, 2], 50, 1],
  [[1, 2, 3], 50, 2],
  [[1, 2, 3], 95, 3],
  [Array.from({ length: 100 }, (_, n) => n + 1), 50, 50],
  [Array.from({ length: 100 }, (_, n) => n + 1), 95, 95],
] as const)
  test(`p${percent} of ${values.length} values`, () => assert.equal(percentile(values, percent), expected));

const record: AuditRecord = {
  ...{ time: "2026-11-22T11:30:00.000Z", client: "phone", address: "192.168.1.20", server: "time", tool: "now" },
  ...{ arguments: {}, route: "/mcp/", outcome: "answered", reason: null, milliseconds: 10, count: 1, id: "1" },
};

async function* each(...changes: Partial<AuditRecord>[]) {
  for (const change of changes) yield { ...record, ...change };
}

test("calls of the last hour and day, by server and by client", async () => {
  const { servers, clients } = await recentCalls(
    each(
      { time: "2026-11-21T13:00:00.000Z", milliseconds: 1_000 },
      {},
      { milliseconds: 100, outcome: "failed" },
      { milliseconds: null, outcome: "unknown" },
      { milliseconds: null, outcome: "running" },
      { server: "git", client: "codex", milliseconds: 9 },
      { outcome: "refused", milliseconds: null },
      { server: null, tool: null, outcome: "refused", milliseconds: null, count: 40 },
      { client: null, server: null, tool: null, outcome: "refused", milliseconds: null, count: 312 },
    ),
    "2026-11-22T12:00:00.000Z",
  );
  assert.deepEqual(servers.get("time"), {
    hour: { calls: 4, errors: 2, refused: 1, p50: 10, p95: 100 },
    day: { calls: 5, errors: 2, refused: 1, p50: 100, p95: 1_000 },
  });
  assert.deepEqual(servers.get("git")?.hour, { calls: 1, errors: 0, refused: 0, p50: 9, p95: 9 });
  assert.deepEqual(clients.get("phone")?.day, { calls: 5, errors: 2, refused: 41, p50: 100, p95: 1_000 });
  assert.deepEqual([...clients.keys()].sort(), ["codex", "phone"]);
  assert.deepEqual(NO_CALLS.hour, { calls: 0, errors: 0, refused: 0, p50: null, p95: null });
});
