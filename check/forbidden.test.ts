import assert from "node:assert/strict";
import { test } from "node:test";
import { forbiddenCall } from "./forbidden.ts";
import { groupByServer } from "./listing.ts";

const listing = (...names: string[]) =>
  groupByServer(names.map((name) => ({ name, description: `Does ${name}`, inputSchema: {} })));

test("the forbidden call of a client is one of another's server, or one that it is denied", () => {
  const known = listing("git-log", "time-now", "time-convert");
  const rule = { allow: null, deny: [] };
  assert.deepEqual(forbiddenCall({ time: rule }, ["git", "time"], known), {
    tool: "git-log",
    reason: "may not use server git",
  });
  assert.deepEqual(forbiddenCall({ git: rule, time: { allow: ["now"], deny: [] } }, ["git", "time"], known), {
    tool: "time-convert",
    reason: "may not call convert of server time",
  });
  // Listed to nobody, because nobody may call it.
  assert.deepEqual(forbiddenCall({ git: { allow: null, deny: ["push"] }, time: rule }, ["git", "time"], known), {
    tool: "git-push",
    reason: "may not call push of server git",
  });
  assert.equal(forbiddenCall({ git: rule, time: rule }, ["git", "time"], known).tool, "Nobody-tool");
});
