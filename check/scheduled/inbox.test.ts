import assert from "node:assert/strict";
import { test } from "node:test";
import { Inbox } from "./inbox.ts";

const said = (of: string, isOver = false) => ({ of, since: "2026-11-22T10:00:00.000Z", problem: "is away", isOver });

test("of each alert the last is kept, until somebody takes it", () => {
  const inbox = new Inbox();
  inbox.put([said("ServerAway time"), said("ManyRefusals")]);
  inbox.put([said("ServerAway time", true)]);
  assert.deepEqual(inbox.take(), [said("ServerAway time", true), said("ManyRefusals")]);
  assert.deepEqual(inbox.take(), []);
});

test("whoever waits goes on when something is said, at once if it was said before, or when the time is up", async () => {
  const inbox = new Inbox();
  await inbox.wait(1);
  const waits = inbox.wait(3_600_000);
  inbox.put([]);
  inbox.put([said("ManyRefusals")]);
  await waits;
  await inbox.wait(3_600_000);
  assert.equal(inbox.take().length, 1);
});
