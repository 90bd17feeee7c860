import assert from "node:assert/strict";
import { test } from "node:test";
import { afterwards, endsAt, type Story } from "./stories.ts";

const START = Date.parse("2026-11-22T10:00:00.000Z");
const at = (minute: number) => new Date(START + minute * 60_000).toISOString();

/** What is told when something is wrong at some minutes: `of until` for an end, `of!` for one that says that it comes and goes. */
class Owner {
  stories: readonly Story[] = [];
  readonly heard: string[] = [];

  at(minute: number, wrong: readonly string[], gone: readonly string[] = []): void {
    const causes = wrong.map((of) => ({ of, since: at(minute), problem: `${of} is bad` }));
    const { stories, changes } = afterwards(this.stories, causes, gone, START + minute * 60_000);
    this.stories = JSON.parse(JSON.stringify(stories)) as Story[];
    for (const { of, until, problem, isGone } of changes)
      this.heard.push(
        `${minute}: ${of}${until === null ? (problem.includes("comes and goes") ? "!" : "") : ` until ${(Date.parse(until) - START) / 60_000}`}${isGone ? " gone" : ""}`,
      );
  }
}

test("what is wrong is told once, and its end once", () => {
  const owner = new Owner();
  for (let minute = 0; minute < 5; minute += 1) owner.at(minute, ["time", "the disk"]);
  for (let minute = 5; minute < 8; minute += 1) owner.at(minute, []);
  assert.deepEqual(owner.heard, ["0: time", "0: the disk", "5: time until 5", "5: the disk until 5"]);
});

test("a server that both find away is told once, as the first has seen it, until both find it right", () => {
  for (const [first, second] of [
    ["ServerAway time", "time"],
    ["time", "PartAway time"],
  ] as const) {
    const owner = new Owner();
    owner.at(0, [first]);
    owner.at(1, ["time", first, second]);
    owner.at(2, [second]);
    owner.at(3, []);
    assert.deepEqual(owner.heard, [`0: ${first}`, `3: ${first} until 3`]);
  }
});

test("what has been told of one server says nothing of another, nor of withheld tools", () => {
  const owner = new Owner();
  owner.at(0, ["ServerAway time"]);
  owner.at(1, ["ServerAway time", "git", "ToolsWithheld time"]);
  assert.deepEqual(owner.heard, ["0: ServerAway time", "1: git", "1: ToolsWithheld time"]);
});

test("what begins a third time within an hour comes and goes: it is said, and then its end alone, half an hour after it", () => {
  const owner = new Owner();
  for (let minute = 0; minute < 60; minute += 1) owner.at(minute, minute % 4 < 2 ? ["time"] : []);
  assert.deepEqual(owner.heard, ["0: time", "2: time until 2", "4: time", "6: time until 6", "8: time!"]);
  assert.equal(endsAt(owner.stories), START + 88 * 60_000);
  owner.at(87.9, []);
  assert.equal(owner.heard.length, 5);
  owner.at(88, []);
  assert.deepEqual(owner.heard.slice(5), ["88: time until 58"]);
  assert.equal(endsAt(owner.stories), undefined);
});

test("what begins twice an hour is told each time, and nothing is kept of it for ever", () => {
  const owner = new Owner();
  for (let minute = 0; minute < 300; minute += 1) owner.at(minute, minute % 35 === 0 ? ["time"] : []);
  assert.equal(owner.heard.length, 18);
  assert.ok(owner.heard.every((one) => !one.includes("!")));
  owner.at(400, []);
  assert.deepEqual(owner.stories, []);
});

test("what nobody looks at any more is over at once, also when it comes and goes", () => {
  const owner = new Owner();
  for (const minute of [0, 2, 4]) {
    owner.at(minute, ["time"]);
    if (minute < 4) owner.at(minute + 1, []);
  }
  owner.at(4, ["ServerAway git", "time", "git"]);
  owner.at(5, ["git"], ["ServerAway git", "time"]);
  owner.at(5, [], ["git"]);
  assert.deepEqual(owner.heard.slice(-4), [
    ...["4: time!", "4: ServerAway git", "5: time until 5 gone", "5: ServerAway git until 5 gone"],
  ]);
});
