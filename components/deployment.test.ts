import assert from "node:assert/strict";
import { before, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { mockEngine, type Recorded, valueOf } from "../tests/mocks.ts";
import { testSettings } from "../tests/settings.ts";
import { deploy } from "./deployment.ts";
import { serverId } from "./litellm-config.ts";
import { namesOnDaemon } from "./ownership.ts";

const PASSWORD = "password-of-the-existing-server";
const clients = { "test-key": null, phone: { servers: ["time"], tools: { time: { deny: ["convert_time"] } } } };
const secret = (name: string) => pulumi.secret(name === "postgresAdminPassword" ? PASSWORD : "another");
/** How a secret looks among recorded inputs. */
const SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d";

const ownSettings = testSettings({ clients, namePrefix: "lab-", servers: { time: { debugPort: 48001 } } });

let recorded: Recorded[];
/** Inputs of one stack, by the resource's name. */
let own: Map<string, Recorded>;
let existing: Map<string, Recorded>;
let newer: Map<string, Recorded>;

before(async () => {
  recorded = await mockEngine();
  const run = async (settings: Parameters<typeof deploy>[0]) => {
    const from = recorded.length;
    const outputs = deploy(settings, secret);
    // Every resource hangs on one of these; without them, assertions would run before the last are registered.
    await Promise.all([valueOf(outputs.tools), valueOf(outputs.clientKeys), valueOf(outputs.masterKey)]);
    return new Map(recorded.slice(from).map((resource) => [resource.name, resource]));
  };
  own = await run(ownSettings);
  existing = await run(
    testSettings({ postgres: { kind: "existing", host: "192.168.1.11", port: 5433, adminUser: "postgres", sslmode: "disable" } }, ["postgresAdminPassword"]),
  );
  newer = await run(
    testSettings({ clients: { ...clients, reader: { servers: ["git"], tools: { git: { allow: ["git_log"] } } } }, gateway: { image: "ghcr.io/berriai/litellm:v1.106.2" } }),
  );
});

const plain = (input: unknown): unknown =>
  typeof input === "object" && input !== null && SECRET_SIGNATURE in input ? (input as { value?: unknown }).value : input;
const inputsOf = (resources: Map<string, Recorded>, name: string) => {
  const resource = resources.get(name);
  assert.ok(resource, `${name} is not among ${[...resources.keys()].join(", ")}`);
  return Object.fromEntries(Object.entries(resource.inputs).map(([key, value]) => [key, plain(value)])) as Record<string, any>;
};
const containers = (resources: Map<string, Recorded>) =>
  [...resources.values()].filter(({ type }) => type === "docker:index/container:Container").map(({ name }) => [name, inputsOf(resources, name)] as const);
const networkName = ({ name }: { name: string }) => name.replace(/^networks-(.*)-id$/, "$1");
const networksOf = (inputs: Record<string, any>) => inputs.networksAdvanced.map(networkName).sort();

test("the resources of a stack", () => {
  const names = [...own.values()].filter(({ type }) => !type.startsWith("litellm:")).map(({ type, name }) => `${type.split(":").at(-1)} ${name}`);
  assert.deepEqual(names.sort(), [
    "Container litellm-container",
    "Container mcp-fetch-container",
    "Container mcp-git-container",
    "Container mcp-memory-container",
    "Container mcp-postgres-container",
    "Container mcp-time-container",
    "Container postgres-container",
    "Database databases-litellm_db",
    "Database databases-mcp_db",
    "DefaultPrivileges databases-select-future-public",
    "Grant databases-connect",
    "Grant databases-select-public",
    "Grant databases-usage-public",
    "Network networks-litellm-lan-net",
    "Network networks-litellm-mcp-net",
    "Network networks-mcp-egress-net",
    "Network networks-postgres-net",
    "RandomPassword client-phone-value",
    "RandomPassword client-test-key-value",
    "RandomPassword databases-litellm_user-password",
    "RandomPassword databases-mcp_readonly-password",
    "RandomPassword litellm-master-key",
    "RandomPassword litellm-salt-key",
    "RandomPassword postgres-admin-password",
    "RemoteImage litellm-image",
    "RemoteImage mcp-fetch-image",
    "RemoteImage mcp-git-image",
    "RemoteImage mcp-memory-image",
    "RemoteImage mcp-postgres-image",
    "RemoteImage mcp-time-image",
    "RemoteImage postgres-image",
    "Resource client-phone-key",
    "Resource client-test-key-key",
    "Resource gateway-check",
    "Resource litellm-health",
    "Resource mcp-fetch-health",
    "Resource mcp-git-health",
    "Resource mcp-memory-health",
    "Resource mcp-postgres-health",
    "Resource mcp-time-health",
    "Resource postgres-health",
    "Role databases-litellm_user",
    "Role databases-mcp_readonly",
    "Volume mcp-memory-data",
    "Volume postgres-data",
    "docker docker",
    "postgresql databases-provider",
  ]);
});

test("each resource has its own stack's provider", () => {
  for (const { type, name, provider } of recorded) {
    if (type.startsWith("docker:")) assert.match(provider, /::docker::docker-id$/, name);
    if (type.startsWith("postgresql:")) assert.match(provider, /::databases-provider::databases-provider-id$/, name);
  }
});

test("no Output was put into a text", () => {
  for (const { name, inputs } of recorded) assert.ok(!JSON.stringify(inputs).includes("Calling [toString]"), name);
});

test("no secret is outside an encrypted value", () => {
  const open = (input: unknown): string =>
    typeof input !== "object" || input === null
      ? JSON.stringify(input ?? null)
      : SECRET_SIGNATURE in input
        ? ""
        : Object.values(input).map(open).join(" ");
  let secrets = 0;
  for (const { name, inputs } of recorded) {
    assert.doesNotMatch(open(inputs), /plaintext-of-|password-of-the-existing-server/, name);
    if (/plaintext-of-/.test(JSON.stringify(inputs))) secrets += 1;
  }
  assert.ok(secrets > 10, `the search found ${secrets} resources with secrets at all`);
});

test("on the LAN address are the gateway and debug ports, on the host's loopback LiteLLM itself and Postgres", () => {
  const ports = containers(own).flatMap(([, { ports = [] }]) => ports as { ip: string; external: number; internal: number }[]);
  assert.deepEqual(
    ports.sort((a, b) => a.external - b.external),
    [
      { ip: "192.168.1.10", external: 4000, internal: 4000 },
      { ip: "127.0.0.1", external: 4001, internal: 4000 },
      { ip: "127.0.0.1", external: 5432, internal: 5432 },
      { ip: "192.168.1.10", external: 48001, internal: 8000 },
    ],
  );
});

test("a name on a network leads to one container", () => {
  const aliases = containers(own).flatMap(([name, { networksAdvanced }]) =>
    (networksAdvanced as { name: string; aliases: string[] }[]).flatMap((network) =>
      network.aliases.map((alias) => `${networkName(network)}: ${alias} → ${name}`),
    ),
  );
  // Two containers of one alias would answer in turn; LiteLLM's configuration and the database URLs hold these names.
  assert.deepEqual(aliases.sort(), [
    "litellm-mcp-net: mcp-fetch → mcp-fetch-container",
    "litellm-mcp-net: mcp-git → mcp-git-container",
    "litellm-mcp-net: mcp-memory → mcp-memory-container",
    "litellm-mcp-net: mcp-postgres → mcp-postgres-container",
    "litellm-mcp-net: mcp-time → mcp-time-container",
    "postgres-net: postgres → postgres-container",
  ]);
});

test("the prefix is before every name on the daemon", () => {
  const named = [...own.values()].filter(({ type }) => /docker:index\/(container|network|volume):/.test(type)).map(({ inputs }) => String(inputs.name));
  assert.equal(named.length, 13);
  assert.equal(new Set(named).size, named.length);
  for (const name of named) assert.match(name, /^lab-/);
});

test("what preflight takes for the stack's is what the stack makes", () => {
  for (const kind of ["container", "network", "volume"] as const) {
    const made = [...own.values()].filter(({ type }) => type.startsWith(`docker:index/${kind}:`)).map(({ inputs }) => inputs.name);
    assert.deepEqual(made.sort(), [...namesOnDaemon(ownSettings)[kind]].sort());
  }
});

test("networks decide what a server reaches", () => {
  const of = (name: string) => networksOf(inputsOf(own, `${name}-container`));
  assert.deepEqual(of("mcp-git"), ["litellm-mcp-net"]);
  assert.deepEqual(of("mcp-fetch"), ["litellm-mcp-net", "mcp-egress-net"]);
  // Its debug port takes it out of the internal network; the other stack has none.
  assert.deepEqual(of("mcp-time"), ["litellm-mcp-net", "mcp-egress-net"]);
  assert.deepEqual(networksOf(inputsOf(existing, "mcp-time-container")), ["litellm-mcp-net"]);
  assert.deepEqual(of("mcp-postgres"), ["litellm-mcp-net", "postgres-net"]);
  assert.deepEqual(of("litellm"), ["litellm-lan-net", "litellm-mcp-net", "postgres-net"]);
  assert.deepEqual(of("postgres"), ["litellm-lan-net", "postgres-net"]);
  const nets = ["litellm-mcp-net", "postgres-net", "litellm-lan-net", "mcp-egress-net"];
  // Of an internal network nothing is published, and nothing gets out, not even to the server itself.
  assert.deepEqual(nets.map((net) => inputsOf(own, `networks-${net}`).internal), [true, true, false, false]);
  const inhibited = { "com.docker.network.bridge.inhibit_ipv4": "true" };
  assert.deepEqual(nets.map((net) => inputsOf(own, `networks-${net}`).options), [inhibited, inhibited, undefined, undefined]);
});

test("every wrapped server runs as a user of its own, read-only", () => {
  const wrapped = ["fetch", "git", "memory", "time"].map((name) => inputsOf(own, `mcp-${name}-container`));
  for (const { user, readOnly } of wrapped) {
    assert.match(user, /^9\d{5}:9\d{5}$/);
    assert.equal(readOnly, true);
  }
  assert.equal(new Set(wrapped.map(({ user }) => user)).size, wrapped.length);
});

test("what clients stored outlives container and stack", () => {
  assert.deepEqual(inputsOf(own, "mcp-memory-container").volumes, [{ containerPath: "/data", volumeName: "lab-mcp-memory-data" }]);
  assert.deepEqual(inputsOf(own, "mcp-time-container").volumes, []);
});

test("a key carries what its client may call", () => {
  const { groups, policy } = inputsOf(own, "client-phone-key");
  assert.deepEqual(groups, ["time"]);
  assert.deepEqual(policy, { servers: { time: { allow: null, deny: ["convert_time"] } }, everything: false });
  assert.equal(inputsOf(own, "client-test-key-key").policy.everything, true);
});

test("where LiteLLM enforces allow-lists by itself, a key carries them as LiteLLM wants them", () => {
  const id = serverId({ name: "git", url: "http://mcp-git:8000/mcp", register: "http", bearerTokenEnv: undefined });
  assert.deepEqual(inputsOf(newer, "client-reader-key").toolPermissions, { [id]: ["git_log"] });
  // It has no deny-lists: those stay the callback's.
  assert.deepEqual(inputsOf(newer, "client-phone-key").toolPermissions, {});
  assert.deepEqual(inputsOf(newer, "client-phone-key").policy, inputsOf(own, "client-phone-key").policy);
  assert.equal(inputsOf(own, "client-phone-key").toolPermissions, undefined);
});

test("an existing Postgres gets databases and roles, and no container", () => {
  assert.deepEqual(containers(existing).map(([name]) => name).filter((name) => name.startsWith("postgres")), []);
  assert.ok(existing.has("databases-litellm_db"));
  assert.deepEqual(networksOf(inputsOf(existing, "mcp-postgres-container")), ["litellm-mcp-net", "mcp-egress-net"]);
  assert.match(
    inputsOf(existing, "mcp-postgres-container").envs[0],
    /^DATABASE_URI=postgresql:\/\/mcp_readonly:.*@192\.168\.1\.11:5433\/mcp_db\?options=-c%20default_transaction_read_only%3Don$/,
  );
});
