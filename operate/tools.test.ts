import assert from "node:assert/strict";
import { test } from "node:test";
import { nameOf, schemaHash, type Tool, type ToolLock } from "../approval/tool-lock.ts";
import { compare, compareAtGateway, refuseUnknown } from "./tools.ts";
import { grantedBy } from "./listing/offers.ts";

const schema = { type: "object" };
const tool = (name: string): Tool => ({ name, description: name, inputSchema: schema });
const lockOf = (...names: string[]): ToolLock =>
  Object.fromEntries(names.map((name) => [name, { description: name, inputSchema: schemaHash(schema) }]));

const git = { name: "git", folder: "/mcp/git", toolLock: lockOf("log", "commit") };

test("what a server lists itself is compared with the whole tool lock", () => {
  const { changes, unseen } = compare(git, [tool("log"), tool("push")]);
  assert.deepEqual(
    changes.map((change) => [change.kind, nameOf(change)]),
    [
      ["removed", "commit"],
      ["added", "push"],
    ],
  );
  assert.deepEqual(unseen, {});
  assert.deepEqual(compare({ ...git, toolLock: undefined }, [tool("log")]).changes.length, 1);
});

test("what no client may call is not missed at the gateway, and is to be kept", () => {
  const { changes, unseen } = compareAtGateway(git, [tool("log")], (name) => name !== "commit");
  assert.deepEqual(changes, []);
  assert.deepEqual(unseen, lockOf("commit"));
});

test("names that are unknown are refused together", () => {
  assert.throws(() => refuseUnknown(["nosuch", "git", "other"], [git, { name: "new" }]), {
    message:
      "nosuch: no such server under mcp/; there are git, new\nother: no such server under mcp/; there are git, new",
  });
});

test("only what is named on the command line is granted", () => {
  assert.deepEqual([...grantedBy({ yes: true, fresh: true, all: true })], []);
  assert.deepEqual([...grantedBy({ withNetwork: true, withEnv: true })], ["env", "network"]);
});
