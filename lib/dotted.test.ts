import assert from "node:assert/strict";
import { test } from "node:test";
import { dotted } from "./dotted.ts";

test("paths read like the file", () => {
  assert.equal(dotted("litellm-mcp:models", [0, "params", "model"]), "litellm-mcp:models[0].params.model");
  assert.equal(dotted("", ["source", "command", 2]), "source.command[2]");
  assert.equal(dotted("env", ["a.b"]), 'env["a.b"]');
});
