import assert from "node:assert/strict";
import { test } from "node:test";
import { beginOfLast, filesFor, isWanted, readTime } from "./selection.ts";

const NOW = "2026-11-22T12:00:00.000Z";

for (const [written, expected] of [
  ["90s", "2026-11-22T11:58:30.000Z"],
  ["30m", "2026-11-22T11:30:00.000Z"],
  ["1h", "2026-11-22T11:00:00.000Z"],
  ["2d", "2026-11-20T12:00:00.000Z"],
  ["1w", "2026-11-15T12:00:00.000Z"],
  ["2026-11-20", "2026-11-20T00:00:00.000Z"],
  ["2026-11-20T14:30", "2026-11-20T14:30:00.000Z"],
  ["2026-11-20 14:30:05", "2026-11-20T14:30:05.000Z"],
  ["2026-11-20T14:30:05.250Z", "2026-11-20T14:30:05.250Z"],
  ["2026-11-20T14:30+01:00", "2026-11-20T13:30:00.000Z"],
] as const)
  test(`the time ${written}`, () => assert.equal(readTime("--since", written, NOW), expected));

for (const written of [
  "",
  "1",
  "h",
  "-1h",
  "1.5h",
  "1y",
  "yesterday",
  "2026-02-30",
  "2026-13-01",
  "20-11-2026",
  "2026-11-20T25:00",
  "12:00",
])
  test(`no time: ${written}`, () =>
    assert.throws(() => readTime("--until", written, NOW), {
      message: `--until ${written}: write how long ago (30m, 1h, 2d, 1w), or a day or time in UTC (2026-11-20, 2026-11-20T14:30, 2026-11-20T14:30+01:00)`,
    }));

const call = { time: "2026-11-22T10:00:00.000Z", client: "phone", server: "time", tool: "get_current_time" };

for (const [what, selection, expected] of [
  ["nothing is asked for", {}, true],
  ["its client", { clients: ["codex", "phone"] }, true],
  ["another client", { clients: ["codex"] }, false],
  ["its server", { servers: ["time"] }, true],
  ["another server", { servers: ["git"] }, false],
  ["its tool", { tools: ["get_current_time"] }, true],
  ["its tool as clients write it", { tools: ["time-get_current_time"] }, true],
  ["a tool of another server", { tools: ["git-get_current_time"] }, false],
  ["from its time on", { since: call.time }, true],
  ["up to its time", { until: call.time }, false],
  ["later ones", { since: "2026-11-22T10:00:00.001Z" }, false],
  ["all of it", { clients: ["phone"], servers: ["time"], tools: ["get_current_time"], since: call.time }, true],
  ["all but one", { clients: ["phone"], servers: ["time"], tools: ["convert_time"] }, false],
] as const)
  test(`a call is ${expected ? "" : "not "}wanted: ${what}`, () => assert.equal(isWanted(selection, call), expected));

test("a request of somebody without a key is nobody's", () => {
  const strange = { time: call.time, server: "", tool: "" };
  assert.equal(isWanted({ clients: ["phone"] }, strange), false);
  assert.equal(isWanted({}, strange), true);
});

const file = (kind: string, at: string) => `${kind}-2026-11-${at}-000Z-ab12.jsonl`;
const [first, second, third] = ["20T00-00-00", "21T00-00-00", "21T12-00-00"].map((at) => file("calls", at)) as [
  string,
  string,
  string,
];
const NAMES = [third, first, second, file("refused", "20T06-00-00"), "calls-old.jsonl", "lost+found"];

for (const [what, selection, expected] of [
  ["everything", {}, [first, second, third]],
  ["from the middle of a file on", { since: "2026-11-21T06:00:00.000Z" }, [second, third]],
  ["from the beginning of a file on", { since: "2026-11-21T12:00:00.000Z" }, [third]],
  ["now", { since: "2026-11-22T00:00:00.000Z" }, [third]],
  ["up to the first hour of a file: its calls may end in that", { until: "2026-11-20T23:30:00.000Z" }, [first, second]],
  ["up to the middle of a file", { until: "2026-11-20T22:30:00.000Z" }, [first]],
  ["before there was any", { until: "2026-11-19T00:00:00.000Z" }, []],
] as const)
  test(`files of calls: ${what}`, () => assert.deepEqual(filesFor(NAMES, "calls", selection), expected));

test("files of refused calls are others", () => {
  assert.deepEqual(filesFor(NAMES, "refused", {}), [file("refused", "20T06-00-00")]);
});

test("where the last files begin", () => {
  assert.equal(beginOfLast(NAMES, 1, undefined), "2026-11-21T12:00:00.000Z");
  assert.equal(beginOfLast(NAMES, 2, undefined), "2026-11-21T00:00:00.000Z");
  assert.equal(beginOfLast(NAMES, 3, undefined), undefined);
  assert.equal(beginOfLast(NAMES, 1, "2026-11-21T12:00:00.000Z"), "2026-11-21T00:00:00.000Z");
  assert.equal(beginOfLast([], 1, undefined), undefined);
});
