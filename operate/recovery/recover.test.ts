import assert from "node:assert/strict";
import { test } from "node:test";
import { describe, differences, type Found, unrecorded } from "./on-daemon.ts";
import { dropping } from "./recover.ts";
import { readState } from "./stored-state.ts";

const urn = (type: string, name: string) => `urn:pulumi:s::p::${type}::${name}`;
const of = (type: string, name: string, rest: Record<string, unknown> = {}) => ({
  urn: urn(type, name),
  type,
  ...rest,
});
const CONTAINER = "docker:index/container:Container";
const NETWORK = "docker:index/network:Network";

const resources = [
  of("random:index/randomUuid:RandomUuid", "stack-id", { id: "7f88" }),
  of("pulumi:providers:docker", "docker", { inputs: { host: "ssh://me@host", sshOpts: '["-p","22"]' } }),
  of(CONTAINER, "mcp-time-container", { id: "c1", inputs: { name: "mcp-time" } }),
  of(CONTAINER, "mcp-git-container", { id: "c2", inputs: { name: "mcp-git" } }),
  of(CONTAINER, "mcp-git-container", { id: "c0", inputs: { name: "mcp-git" }, delete: true }),
  of(NETWORK, "networks-egress", { id: "n1", inputs: { name: "egress" } }),
  of("docker:index/volume:Volume", "data", { id: "data", inputs: { name: "data" } }),
];

test("the state says whose containers and networks are where", () => {
  const record = readState({ resources });
  assert.equal(record.stackId, "7f88");
  assert.deepEqual(record.endpoint, { host: "ssh://me@host", sshOpts: ["-p", "22"] });
  assert.deepEqual(
    record.deployed.map(({ kind, id, name }) => `${kind} ${name} ${id}`),
    ["container mcp-time c1", "container mcp-git c2", "network egress n1"],
  );
  assert.deepEqual([...record.known].sort(), ["c0", "c1", "c2", "n1"]);
});

test("an empty state knows nobody's daemon", () => {
  const record = readState({});
  assert.deepEqual([record.stackId, record.endpoint, record.deployed, record.pending], [undefined, undefined, [], []]);
});

test("what a run had begun is known by its name", () => {
  const role = of("postgresql:index/role:Role", "litellm_user", { inputs: { name: "litellm_user" } });
  const { pending } = readState({ resources, pending_operations: [{ type: "creating", resource: role }] });
  assert.deepEqual(pending, [{ urn: role.urn, type: role.type, isCreating: true, name: "litellm_user" }]);
});

const found = (kind: Found["kind"], id: string, name: string, state?: string): Found => ({
  ...{ kind, id, name },
  ...(state && { state }),
});

for (const [state, is] of [
  ["running", undefined],
  ["restarting", undefined],
  ["paused", "paused"],
  ["exited", "stopped"],
  ["created", "stopped"],
  ["dead", "stopped"],
] as const)
  test(`a container that is ${state} is ${is ?? "as deployed"}`, () => {
    const [difference] = differences({ deployed: [{ kind: "container", id: "c1", name: "mcp-time" }] }, [
      found("container", "c1", "mcp-time", state),
    ]);
    assert.equal(difference?.is, is);
  });

test("what is not on the daemon is missing, also where another has its name", () => {
  const missing = differences(readState({ resources }), [
    found("container", "c9", "mcp-time", "running"),
    found("container", "c2", "mcp-git", "running"),
  ]);
  assert.equal(describe(missing), "container mcp-time, network egress");
  assert.ok(missing.every(({ is }) => is === "missing"));
});

test("what the state does not know is left over, but for volumes, whose data the next run takes", () => {
  const left = unrecorded(readState({ resources }), [
    found("container", "c0", "mcp-git-old", "running"),
    found("container", "c9", "mcp-time", "created"),
    found("network", "n1", "egress"),
    found("network", "n9", "other"),
    found("volume", "data", "data"),
    found("volume", "other-data", "other-data"),
  ]);
  assert.equal(describe(left), "container mcp-time, network other");
});

test("what was begun in Postgres is dropped, databases before the roles that have them", () => {
  const begun = (type: string, name: string, isCreating = true) => ({ urn: urn(type, name), type, isCreating, name });
  assert.deepEqual(
    dropping([
      begun("postgresql:index/role:Role", 'a"b'),
      begun("postgresql:index/role:Role", "deployed", false),
      begun(CONTAINER, "litellm"),
      begun("postgresql:index/database:Database", "litellm_db"),
    ]),
    ['DROP DATABASE IF EXISTS "litellm_db";', 'DROP ROLE IF EXISTS "a""b";'],
  );
});
