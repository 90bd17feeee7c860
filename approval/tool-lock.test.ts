import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import {
  distinctTools,
  schemaHash,
  type Tool,
  TOOL_LOCK_FILE,
  toolChanges,
  toolLockSchema,
  writeToolLock,
} from "./tool-lock.ts";

const schema = { type: "object", properties: { a: { type: "string" }, b: { type: "number" } }, required: ["a", "b"] };
const tool = (name: string, changes: Partial<Tool> = {}): Tool => ({
  name,
  description: `Does ${name}`,
  inputSchema: schema,
  ...changes,
});
const lockOf = (...tools: Tool[]) => toolLockSchema.parse(JSON.parse(writeToolLock(tools)));
const kinds = (...args: Parameters<typeof toolChanges>) =>
  toolChanges(...args).map((change) => `${change.kind} ${change.kind === "removed" ? change.name : change.tool.name}`);

test("the hash of a schema depends on no order of keys, but on everything else", () => {
  const reordered = {
    required: ["a", "b"],
    properties: { b: { type: "number" }, a: { type: "string" } },
    type: "object",
  };
  assert.equal(schemaHash(reordered), schemaHash(schema));
  // Tool locks that were written by earlier versions hold this form of hash.
  assert.equal(schemaHash(schema), "sha256:d3b56e8740499fa4f4c279c017356ba1aecb061519cdd9d593a55b3b297e116f");
  for (const other of [
    { ...schema, required: ["b", "a"] },
    { ...schema, properties: { a: { type: "string" } } },
    { ...schema, title: "" },
    null,
  ])
    assert.notEqual(schemaHash(other), schemaHash(schema));
});

test("the tool lock is the same whatever order the server lists in, and ends with a newline", () => {
  const written = writeToolLock([tool("b"), tool("a")]);
  assert.equal(written, writeToolLock([tool("a"), tool("b")]));
  assert.equal(
    written,
    `{
  "a": {
    "description": "Does a",
    "inputSchema": "${schemaHash(schema)}"
  },
  "b": {
    "description": "Does b",
    "inputSchema": "${schemaHash(schema)}"
  }
}
`,
  );
});

test("the tool locks of the catalogue are as this program writes them", () => {
  const files = readdirSync("mcp").map((server) => `mcp/${server}/${TOOL_LOCK_FILE}`);
  const written = files.filter((file) => existsSync(file));
  assert.ok(written.length > 10);
  for (const file of written) {
    const text = readFileSync(file, "utf8");
    assert.equal(writeToolLock([], toolLockSchema.parse(JSON.parse(text))), text, file);
  }
});

test("any JSON has a hash, half a surrogate pair as well", () => {
  assert.notEqual(schemaHash({ title: "\ud800" }), schemaHash({ title: "\ud801" }));
});

test("what is approved has no changes", () => {
  const tools = [tool("a"), tool("constructor"), tool("b", { description: "" })];
  assert.deepEqual(toolChanges(lockOf(...tools), tools), []);
});

test("added, removed, changed description and changed schema are told apart", () => {
  const lock = lockOf(tool("gone"), tool("same"), tool("text"), tool("both"), tool("shape"));
  const inputSchema = { ...schema, required: [] };
  const listed = [
    tool("same"),
    tool("text", { description: "does text" }),
    tool("both", { description: "", inputSchema }),
    tool("shape", { inputSchema }),
    tool("new"),
  ];
  assert.deepEqual(kinds(lock, listed), [
    "description both",
    "schema both",
    "removed gone",
    "added new",
    "schema shape",
    "description text",
  ]);
});

test("a hidden character alone is a change", () => {
  assert.deepEqual(kinds(lockOf(tool("a")), [tool("a", { description: "Does a\u200b" })]), ["description a"]);
});

test("a tool of a name that every object has is not taken for approved", () => {
  assert.deepEqual(kinds({}, [tool("constructor"), tool("toString")]), ["added constructor", "added toString"]);
});

test("a locked tool that would be listed to nobody is not removed", () => {
  assert.deepEqual(
    kinds(lockOf(tool("a"), tool("b"), tool("c")), [tool("a")], (name) => name !== "b"),
    ["removed c"],
  );
});

test("a server that shows two texts under one name cannot be approved, and does not match either", () => {
  const two = distinctTools([tool("a"), tool("a", { description: "Does harm" }), tool("a")]);
  assert.equal(two.length, 2);
  assert.deepEqual(kinds(lockOf(tool("a")), two), ["description a"]);
  assert.throws(() => writeToolLock(two), /different texts for one name.*: a$/);
});

test("what was approved and cannot be seen is kept", () => {
  const kept = lockOf(tool("b"));
  assert.deepEqual(toolLockSchema.parse(JSON.parse(writeToolLock([tool("a")], kept))), lockOf(tool("a"), tool("b")));
});
