import assert from "node:assert/strict";
import { test } from "node:test";
import { afterRun as afterRunOf, GATEWAY, type Run, type Trouble } from "./troubles.ts";

const at = (minute: number) => `2026-11-22T10:${String(minute).padStart(2, "0")}:00.000Z`;
const run = (minute: number, tried: readonly string[], problems: Record<string, string> = {}): Run => ({
  ...{ at: at(minute), seconds: 0.3, tried, problems },
});
const sure: Trouble = { of: "time", since: at(0), problem: "is away", isSure: true };

const afterRun = (before: readonly Trouble[], of: Run) => afterRunOf(before, of, [GATEWAY, "git", "time"]);

test("what one run finds is a trouble, what two find is sure, and one that finds it right ends it", () => {
  const first = afterRun([], run(0, ["time", "git"], { time: "is away" }));
  assert.deepEqual(first, { troubles: [{ ...sure, isSure: false }], gone: [] });
  const second = afterRun(first.troubles, run(1, ["time"], { time: "is away, still" }));
  assert.deepEqual(second, { troubles: [{ ...sure, problem: "is away, still" }], gone: [] });
  assert.deepEqual(afterRun(second.troubles, run(2, ["time"])), { troubles: [], gone: [] });
  assert.deepEqual(afterRun(first.troubles, run(1, ["time"])), { troubles: [], gone: [] });
});

test("what a run did not try is as it was: a gateway that does not answer says nothing of a server", () => {
  const { troubles } = afterRun([sure], run(1, [GATEWAY], { [GATEWAY]: "fetch failed" }));
  assert.deepEqual(troubles[0], sure);
});

test("a server may have a name that every object has", () => {
  assert.deepEqual(afterRun([], run(0, ["constructor"])), { troubles: [], gone: [] });
});

test("a trouble of what nobody looks at any more is over", () => {
  assert.deepEqual(afterRun([{ ...sure, of: "away" }, sure], run(1, [GATEWAY])), { troubles: [sure], gone: ["away"] });
});
