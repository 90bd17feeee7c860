import assert from "node:assert/strict";
import { test } from "node:test";
import type Docker from "dockerode";
import type { NetworkMember } from "../components/docker/network-members.ts";
import { testSettings } from "../tests/settings.ts";
import { existingNetworkFindings, settingForUse } from "./existing-networks.ts";

const own = { id: "11111111-aaaa", keptFor: "0123" };
const INHIBITED = { "com.docker.network.bridge.inhibit_ipv4": "true" };
const network = (Name: string, more: Partial<Docker.NetworkInspectInfo> = {}) =>
  ({
    ...{ Name, Driver: "bridge", Scope: "local", Internal: true, Options: INHIBITED, Labels: {} },
    ...more,
  }) as Docker.NetworkInspectInfo;
const onNetwork = { kind: "existing", network: "postgres-net", host: "postgres" };

const look = (
  config: Record<string, unknown>,
  networks: readonly Docker.NetworkInspectInfo[],
  members: readonly NetworkMember[] = [],
) => existingNetworkFindings(testSettings(config, ["postgresAdminPassword"]), networks, own, async () => members);
const member = (name: string, ...aliases: string[]): NetworkMember => ({
  name,
  names: [name, ...aliases],
  state: "running",
  address: "172.18.0.2",
  labels: {},
});

const MCP = { existingNetworks: { mcp: "litellm-mcp-net" } };
const HOST = [network("host", { Driver: "host" }), network("none", { Driver: "null" }), network("bridge")];

for (const [what, config, networks, problem] of [
  [
    "a network that is not there",
    MCP,
    [...HOST, network("shop-net"), network("postgres-net")],
    "litellm-mcp:existingNetworks.mcp: there is no network litellm-mcp-net on the host; there are postgres-net, shop-net. Write one of these, or nothing, so that one is made",
  ],
  [
    "no network at all",
    { postgres: onNetwork },
    HOST,
    "litellm-mcp:postgres.network: there is no network postgres-net on the host; there is none that can be joined. Write the one on which the container of Postgres is",
  ],
  [
    "no network with the Loki of somebody else",
    { monitoring: { logs: { loki: { url: "http://loki:3100", network: "logs" } } } },
    [...HOST, network("shop-net")],
    "litellm-mcp:monitoring.logs.loki.network: there is no network logs on the host; there are shop-net. Write the one on which the container of Loki is",
  ],
  [
    "a network of the stack's own for the Loki of somebody else",
    { monitoring: { logs: { loki: { url: "http://loki:3100", network: "litellm-lan-net" } } } },
    [network("litellm-lan-net", { Labels: { "litellm-mcp.stack": `litellm-mcp/test/${own.id}` } })],
    "litellm-mcp:monitoring.logs.loki.network: this stack has made the network litellm-lan-net itself. Leave it out",
  ],
  [
    "the host's own",
    { existingNetworks: { mcp: "host" } },
    HOST,
    "litellm-mcp:existingNetworks.mcp: network host is of the driver host. Write a network of the driver bridge",
  ],
  [
    "one on the LAN",
    MCP,
    [network("litellm-mcp-net", { Driver: "macvlan" })],
    "litellm-mcp:existingNetworks.mcp: network litellm-mcp-net is of the driver macvlan. Write a network of the driver bridge",
  ],
  [
    "one of a swarm",
    MCP,
    [network("litellm-mcp-net", { Driver: "overlay", Scope: "swarm" })],
    "litellm-mcp:existingNetworks.mcp: network litellm-mcp-net is of the driver overlay, of a swarm. Write a network of the driver bridge",
  ],
  [
    "Docker's default",
    { existingNetworks: { postgres: "bridge" } },
    HOST,
    "litellm-mcp:existingNetworks.postgres: network bridge is Docker's own, on which containers have no names. Write another",
  ],
  [
    "the stack's own",
    MCP,
    [network("litellm-mcp-net", { Labels: { "litellm-mcp.stack": "litellm-mcp/lan/11111111-aaaa" } })],
    "litellm-mcp:existingNetworks.mcp: this stack has made the network litellm-mcp-net itself. Leave it out",
  ],
] as const)
  test(`refused: ${what}`, async () =>
    assert.deepEqual(await look(config, networks), { problems: [problem], warnings: [] }));

test("a network that is like the stack's own is joined without a word", async () => {
  assert.deepEqual(await look(MCP, [network("litellm-mcp-net")]), { problems: [], warnings: [] });
  // The host has to reach Postgres on it.
  const joined = [network("postgres-net", { Options: {} })];
  assert.deepEqual(await look({ postgres: onNetwork }, joined), { problems: [], warnings: [] });
  assert.deepEqual(await look({}, []), { problems: [], warnings: [] });
});

test("what a network lacks is said", async () => {
  const MAKES =
    "docker network create --internal -o com.docker.network.bridge.inhibit_ipv4=true NAME makes one without.";
  assert.deepEqual((await look(MCP, [network("litellm-mcp-net", { Internal: false, Options: {} })])).warnings, [
    `Network litellm-mcp-net is not internal: MCP servers that are on it reach the LAN and the internet by it, whatever their \`egress\` says. ${MAKES}`,
  ]);
  assert.deepEqual((await look(MCP, [network("litellm-mcp-net", { Options: {} })])).warnings, [
    `Network litellm-mcp-net is internal, but has an address of the host: MCP servers that are on it reach what listens on all addresses of the host. ${MAKES}`,
  ]);
});

test("a name that leads to somebody else's container already is refused, by alias too", async () => {
  const members = [member("compose-time-1", "mcp-time"), member("mcp-git"), member("shop")];
  const taken = (name: string, network: string, holder: string) =>
    `the name ${name} on network ${network} leads to container ${holder}; a container of this stack would have it as well, ` +
    `and the two would be asked in turn. Take it off the network: docker network disconnect ${network} ${holder}`;
  const prefixed = { ...MCP, namePrefix: "lab-" };
  const networks = [network("litellm-mcp-net"), network("postgres-net")];
  assert.deepEqual((await look(prefixed, networks, members)).problems, [
    taken("mcp-time", "litellm-mcp-net", "compose-time-1"),
    taken("mcp-git", "litellm-mcp-net", "mcp-git"),
  ]);
  // Without the prefix, mcp-git is the name of a container as well, and who has that is said once.
  assert.deepEqual((await look(MCP, networks, members)).problems, [
    taken("mcp-time", "litellm-mcp-net", "compose-time-1"),
  ]);
  // What the stack called otherwise before goes with the next up.
  const former = { ...member("old-mcp-time", "mcp-time"), labels: { "litellm-mcp.stack": "p/s/11111111-aaaa" } };
  assert.deepEqual((await look(prefixed, networks, [former])).problems, []);
  const dedicated = { existingNetworks: { postgres: "postgres-net" } };
  assert.deepEqual((await look({ ...dedicated, namePrefix: "lab-" }, networks, [member("postgres")])).problems, [
    taken("postgres", "postgres-net", "postgres"),
  ]);
  assert.deepEqual((await look({ postgres: onNetwork }, networks, [member("postgres")])).problems, []);
});

test("what can be used as it is, is said with its setting", () => {
  const settings = testSettings();
  const use = (kind: "container" | "network" | "volume", name: string, networks?: string[]) =>
    settingForUse(settings, { kind, name, ...(networks && { networks }) });
  assert.equal(use("network", "litellm-mcp-net"), "litellm-mcp:existingNetworks.mcp: litellm-mcp-net");
  assert.equal(
    use("network", "postgres-net"),
    "litellm-mcp:existingNetworks.postgres: postgres-net, or, for a Postgres that is a container on it, " +
      "litellm-mcp:postgres: { kind: existing, network: postgres-net, host: ITS-NAME }",
  );
  assert.equal(use("network", "mcp-egress-net"), undefined);
  assert.equal(
    use("container", "postgres", ["bridge", "data-net"]),
    "litellm-mcp:postgres: { kind: existing, network: data-net, host: postgres }",
  );
  assert.equal(use("container", "postgres", ["bridge"]), undefined);
  assert.equal(use("container", "litellm", ["data-net"]), undefined);
  assert.equal(use("volume", "postgres-data"), undefined);
});
