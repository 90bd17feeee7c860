import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { NOTHING_KNOWN, readState, type State, STATE_FILE, writeState } from "./state.ts";

const folder = mkdtempSync(path.join(tmpdir(), "check-state-"));
after(() => rmSync(folder, { recursive: true }));

const state: State = {
  last: { at: "2026-11-22T10:00:00.000Z", seconds: 0.3, tried: ["time"], problems: { time: "is away" } },
  next: "2026-11-22T10:15:00.000Z",
  troubles: [{ of: "time", since: "2026-11-22T10:00:00.000Z", problem: "is away", isSure: true }],
  heard: [{ of: "ManyRefusals", since: "2026-11-22T10:00:00.000Z", problem: "60", at: "2026-11-22T10:01:00.000Z" }],
  silent: { of: "the monitoring", since: "2026-11-22T10:00:00.000Z", problem: "Prometheus has said nothing" },
  stories: [
    { subject: "time", told: null, begins: ["2026-11-22T09:50:00.000Z"], rightSince: null },
    {
      subject: "ManyRefusals",
      told: { of: "ManyRefusals", since: "2026-11-22T10:00:00.000Z", problem: "60" },
      ...{ begins: ["2026-11-22T10:00:00.000Z"], rightSince: "2026-11-22T10:02:00.000Z" },
    },
  ],
  untold: [{ of: "time", since: "2026-11-22T10:00:00.000Z", problem: "is away", until: null, isGone: false }],
  alertProblem: "no answer",
  alertsTo: "http://192.168.1.30/alerts",
};

test("what was written is read again", () => {
  assert.equal(writeState(path.join(folder, "new"), state), undefined);
  assert.deepEqual(readState(path.join(folder, "new"), assert.fail), state);
});

test("of what a program of before was sure somebody was told", () => {
  const before = { ...state, heard: undefined, silent: undefined, stories: undefined };
  const unsure = { of: "git", since: "2026-11-22T10:00:00.000Z", problem: "is away", isSure: false };
  writeFileSync(path.join(folder, STATE_FILE), JSON.stringify({ ...before, troubles: [...before.troubles, unsure] }));
  const { heard, stories } = readState(folder, assert.fail);
  assert.deepEqual(heard, []);
  assert.deepEqual(
    stories.map(({ subject, told }) => [subject, told?.problem]),
    [["time", "is away"]],
  );
});

test("where there is none, nothing is known, and nobody complains", () => {
  assert.deepEqual(readState(path.join(folder, "none"), assert.fail), NOTHING_KNOWN);
});

for (const [what, text] of [
  ["half of one", '{"last":'],
  ["one of another form", '{"troubles":[1]}'],
  ["nothing", ""],
])
  test(`a file with ${what} is not believed, and it is said`, () => {
    writeFileSync(path.join(folder, STATE_FILE), text!);
    const said: string[] = [];
    assert.deepEqual(
      readState(folder, (problem) => said.push(problem)),
      NOTHING_KNOWN,
    );
    assert.equal(said.length, 1);
  });

test("where nothing can be kept, it is said, and the program goes on", () => {
  const occupied = path.join(folder, "occupied");
  mkdirSync(path.join(occupied, STATE_FILE), { recursive: true });
  assert.match(writeState(occupied, state) ?? "", /^what is known cannot be kept: EISDIR/);
});
