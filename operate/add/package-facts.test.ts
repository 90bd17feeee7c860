import assert from "node:assert/strict";
import { test } from "node:test";
import { oneLine, programOf } from "./package-facts.ts";

for (const [name, programs, expected] of [
  ["@scope/server-a", ["anything"], "anything"],
  ["@scope/server-a", ["other", "server-a"], "server-a"],
  ["mcp_server.a", ["mcp-server-a", "mcp-server-a-admin"], "mcp-server-a"],
] as const)
  test(`the server of ${name} is ${expected}`, () => assert.equal(programOf(name, programs), expected));

test("of several programs none of which is named like the package, somebody has to choose", () => {
  assert.throws(() => programOf("a", ["c", "b\u001b[2K"]), {
    message: "a: which of its programs is the server? Say it by --command: b<U+001B>[2K, c",
  });
  assert.throws(() => programOf("@scope/a", []), /@scope\/a: brings no program\. .* --command "python3 -m a"/);
});

test("a package's description is one line of ordinary length that steers no terminal", () => {
  assert.equal(oneLine("  A server\n\tfor\u001b[2K tests "), "A server for<U+001B>[2K tests");
  assert.equal(oneLine("x".repeat(500))?.length, 201);
  assert.equal(oneLine(" \n"), undefined);
  assert.equal(oneLine(undefined), undefined);
});
