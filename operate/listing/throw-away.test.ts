import assert from "node:assert/strict";
import { test } from "node:test";
import { isLeftOver } from "./throw-away.ts";

const now = 10_000_000;
const given = { host: "here", isAlive: (pid: number) => pid === 7, now };

for (const [title, run, age, expected] of [
  ["a run that lives", "here 7", 60_000, false],
  ["a run of this machine that is over", "here 8", 60_000, true],
  ["a run of another machine", "there 8", 60_000, false],
  ["a run of another machine that cannot have taken so long", "there 8", 3_600_001, true],
  ["a run with the number of an old one", "here 7", 3_600_001, true],
  ["a label that says nothing", "", 60_000, false],
] as const)
  test(`left over: ${title}: ${expected}`, () => assert.equal(isLeftOver(run, now - age, given), expected));
