import assert from "node:assert/strict";
import { test } from "node:test";
import { Problems } from "./problems.ts";

test("long values are cut, symbols stand for what must not be shown", () => {
  const problems = new Problems();
  problems.add("f.yaml", "a", "x".repeat(500), "less");
  problems.add("f.yaml", "b", Symbol("a secret"), "nothing");
  assert.throws(
    () => problems.complete({}),
    (error: Error) => {
      assert(error.message.length < 300, error.message);
      assert.match(error.message, /found: a secret\n/);
      return true;
    },
  );
});
