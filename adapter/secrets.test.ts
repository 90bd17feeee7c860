import assert from "node:assert/strict";
import { test } from "node:test";
import { keepSecret, withoutSecrets } from "./secrets.ts";

test("a secret is in no text, whole or in its parts, as text or as JSON", () => {
  keepSecret("Bearer abc-DEF-123");
  keepSecret(`Basic ${Buffer.from('somebody:pass"word').toString("base64")}`);
  const text = 'refused: Bearer abc-DEF-123, abc-DEF-123, c29tZWJvZHk6cGFzcyJ3b3Jk, pass"word, pass\\"word';
  assert.equal(withoutSecrets(text), "refused: [secret], [secret], [secret], [secret], [secret]");
});

test("what is too short to be told from a word stays", () => {
  keepSecret("a b");
  assert.equal(withoutSecrets("a b Bearer"), "a b Bearer");
});
