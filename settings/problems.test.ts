import assert from "node:assert/strict";
import { test } from "node:test";
import { dotted, Problems } from "./problems.ts";

test("paths read like the file", () => {
  assert.equal(dotted("litellm-mcp:models", [0, "params", "model"]), "litellm-mcp:models[0].params.model");
  assert.equal(dotted("", ["source", "command", 2]), "source.command[2]");
  assert.equal(dotted("env", ["a.b"]), 'env["a.b"]');
});

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
