import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder } from "./run.ts";

test("a server in trouble is called after all others: a call that hangs is the last of a run", () => {
  const servers = ["everything", "git", "time"].map((name) => ({ name }));
  const trouble = { of: "everything", since: "2026-11-22T10:00:00.000Z", problem: "got no answer", isSure: true };
  assert.deepEqual(
    inOrder(servers, [trouble]).map(({ name }) => name),
    ["git", "time", "everything"],
  );
});
