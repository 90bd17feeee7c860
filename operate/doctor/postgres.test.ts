import assert from "node:assert/strict";
import { test } from "node:test";
import { judgePostgres, type PostgresFacts } from "./postgres.ts";

const facts: PostgresFacts = { databases: ["postgres", "litellm_db"], most: 97, used: 12, by: "litellm_user 12" };
const judge = (asked: PostgresFacts | Error) => judgePostgres("gw-postgres", asked, ["litellm_db"], "npm run up --");

test("a Postgres that has what was made in it, and room, is no finding", () => {
  assert.deepEqual(judge(facts), []);
});

test("a database that is gone", () => {
  const [found] = judge({ ...facts, databases: ["postgres"] });
  assert.equal(found?.seen, "database litellm_db is not in gw-postgres any more");
  assert.match(found?.fix ?? "", /npm run restore -- FILE .*npm run up -- --refresh/);
});

for (const [what, asked, seen] of [
  ["counted", { ...facts, used: 97, by: "postgres 90, litellm_user 7" }, /97 of 97 .* \(postgres 90, litellm_user 7\)/],
  ["said", new Error("psql: error: FATAL:  sorry, too many clients already"), /takes no more connections/],
] as const)
  test(`connections that are used up, as it is ${what}`, () => {
    const [found, ...more] = judge(asked);
    assert.deepEqual(more, []);
    assert.match(found?.seen ?? "", seen);
    assert.match(found?.means ?? "", /is refused/);
    assert.match(found?.fix ?? "", /pg_stat_activity/);
  });

test("one that does not answer is not called full", () => {
  const [found] = judge(new Error("FATAL:  the database system is starting up"));
  assert.match(found?.means ?? "", /it is starting/);
});
