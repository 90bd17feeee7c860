import assert from "node:assert/strict";
import { test } from "node:test";
import type { BackupFigures } from "./backup.ts";
import { figuresOf } from "./figures.ts";
import { NOTHING_KNOWN, type State } from "./state.ts";

const disk = () => ({ blocks: 1_000, bfree: 300, bavail: 250, files: 0, ffree: 0 });
const lookedAt = ["the gateway", "time", "moody", "the backup"];

async function figures(state: State, backup?: BackupFigures): Promise<string[]> {
  const text = await figuresOf({ state: () => state, lookedAt, disk, backup: () => backup }).metrics();
  return text.split("\n").filter((line) => line && !line.startsWith("#"));
}

test("before the first run and the first backup, what nobody knows is not there", async () => {
  // As df has it: 700 of 950.
  assert.deepEqual(await figures(NOTHING_KNOWN), ["docker_disk_used_ratio 0.74"]);
  assert.deepEqual(await figures(NOTHING_KNOWN, { newest: undefined, kept: 0 }), [
    ...["docker_disk_used_ratio 0.74", "backup_kept 0"],
  ]);
});

test("what a run has found twice is wrong; what is not looked at any more is not there", async () => {
  const wrong = (of: string, isSure: boolean) => ({ of, since: "2026-11-22T10:00:00.000Z", problem: "away", isSure });
  const state = {
    ...NOTHING_KNOWN,
    last: { at: "2026-11-22T10:00:30.500Z", seconds: 1.25, tried: lookedAt, problems: {} },
    troubles: [wrong("moody", true), wrong("time", false), wrong("gone", true)],
  };
  const newest = { made: "2026-11-22T03:30:00Z", bytes: 123_456 };
  assert.deepEqual(await figures(state, { newest, kept: 7 }), [
    "scheduled_check_run_timestamp_seconds 1795341630.5",
    "scheduled_check_run_seconds 1.25",
    'scheduled_check_problem{subject="the gateway"} 0',
    'scheduled_check_problem{subject="time"} 0',
    'scheduled_check_problem{subject="moody"} 1',
    'scheduled_check_problem{subject="the backup"} 0',
    "docker_disk_used_ratio 0.74",
    "backup_newest_timestamp_seconds 1795318200",
    "backup_newest_bytes 123456",
    "backup_kept 7",
  ]);
});
