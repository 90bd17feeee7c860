import assert from "node:assert/strict";
import { test } from "node:test";
import { schemaHash, type Tool, type ToolLock } from "../approval/tool-lock.ts";
import { select } from "./tools.ts";

const schema = { type: "object" };
const tool = (name: string): Tool => ({ name, description: name, inputSchema: schema });
const lockOf = (...names: string[]): ToolLock =>
  Object.fromEntries(names.map((name) => [name, { description: name, inputSchema: schemaHash(schema) }]));

const folders = [
  { name: "git", folder: "/mcp/git", toolLock: lockOf("log", "commit") },
  { name: "new", folder: "/mcp/new", toolLock: undefined },
  { name: "off", folder: "/mcp/off", toolLock: lockOf("any") },
];
const listing = new Map([
  ["git", [tool("log")]],
  ["new", [tool("first")]],
  ["elsewhere", [tool("x")]],
]);
const all = () => true;

test("without names, every server that lists something and has a folder", () => {
  assert.deepEqual(
    select([], folders, listing, all, "lan").map(({ name, changes }) => [name, changes.map(({ kind }) => kind)]),
    [
      ["git", ["removed"]],
      ["new", ["added"]],
    ],
  );
});

test("with names, those alone", () => {
  assert.deepEqual(
    select(["new"], folders, listing, all, "lan").map(({ name }) => name),
    ["new"],
  );
});

test("what no client may call is not missed, and is to be kept", () => {
  const [git] = select(["git"], folders, listing, (_server, tool) => tool !== "commit", "lan");
  assert.deepEqual(git?.changes, []);
  assert.deepEqual(git?.unseen, lockOf("commit"));
});

test("names that are unknown or list nothing are refused together", () => {
  assert.throws(() => select(["nosuch", "off", "git"], folders, listing, all, "lan"), {
    message:
      "nosuch: no such server under mcp/; there are git, new, off\n" +
      "off: lists no tools on stack lan. Is it enabled there, and may a client use it? If so, npm run up says what is wrong with it",
  });
});
