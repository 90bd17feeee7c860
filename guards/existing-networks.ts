import type Docker from "dockerode";
import { INHIBIT_ADDRESS } from "../components/docker/networks.ts";
import type { NetworkMember } from "../components/docker/network-members.ts";
import { PostgresServer } from "../components/postgres/postgres-server.ts";
import type { OwnIdentity } from "../components/stack-identity.ts";
import type { Settings } from "../settings/settings.ts";
import { type Found, isOwn, namesOnDaemon } from "./ownership.ts";

type Joining = Pick<
  Settings,
  "names" | "existingNetworks" | "postgres" | "redis" | "backup" | "scheduledCheck" | "monitoring" | "servers"
>;

/** What is wrong with the networks that somebody else made, and what works all the same. */
export interface NetworkFindings {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * What to write to use something of the host as it is, instead of having the program make one of that name; undefined
 * where there is no such setting.
 */
export function settingForUse(
  { names, postgres }: Pick<Settings, "names" | "postgres">,
  { kind, name, networks = [] }: Pick<Found, "kind" | "name" | "networks">,
): string | undefined {
  const existing = (network: string, host: string) =>
    `litellm-mcp:postgres: { kind: existing, network: ${network}, host: ${host} }`;
  if (kind === "container" && name === names.containers.postgres && postgres.kind === "dedicated") {
    const [network] = networks.filter((one) => one !== "bridge" && one !== "host" && one !== "none");
    return network && existing(network, name);
  }
  if (kind !== "network") return undefined;
  if (name === names.networks.mcp) return `litellm-mcp:existingNetworks.mcp: ${name}`;
  return name === names.networks.postgres
    ? `litellm-mcp:existingNetworks.postgres: ${name}, or, for a Postgres that is a container on it, ${existing(name, "ITS-NAME")}`
    : undefined;
}

/**
 * @param networks Every network on the daemon.
 * @param members The containers on a network, whoever made them.
 */
export async function existingNetworkFindings(
  settings: Joining,
  networks: readonly Docker.NetworkInspectInfo[],
  own: OwnIdentity,
  members: (network: string) => Promise<readonly NetworkMember[]>,
): Promise<NetworkFindings> {
  const problems: string[] = [];
  const warnings: string[] = [];
  const strangers = async (network: string) => (await members(network)).filter((member) => !isOwn(member, own));
  for (const which of ["mcp", "postgres"] as const) {
    const name = settings.existingNetworks[which];
    if (name === undefined) continue;
    const { postgres } = settings;
    const isOfPostgres = which === "postgres" && postgres.kind === "existing" && postgres.network !== undefined;
    const setting = isOfPostgres ? "litellm-mcp:postgres.network" : `litellm-mcp:existingNetworks.${which}`;
    const network = networks.find(({ Name }) => Name === name);
    const problem = network
      ? (ownNetwork(network, own) ?? problemOfKind(network))
      : missing(name, networks, isOfPostgres ? "the one on which the container of Postgres is" : undefined);
    if (problem !== undefined) problems.push(`${setting}: ${problem}`);
    else if (network) {
      problems.push(...nameProblems(settings, which, name, await strangers(name)));
      warnings.push(...missingOf(network, which));
    }
  }
  problems.push(...lokiNetworkProblems(settings, networks, own));
  return { problems, warnings };
}

function lokiNetworkProblems(
  { monitoring }: Pick<Settings, "monitoring">,
  networks: readonly Docker.NetworkInspectInfo[],
  own: OwnIdentity,
): string[] {
  const loki = monitoring?.logs?.loki;
  if (loki?.kind !== "existing" || !("joined" in loki.network)) return [];
  const name = loki.network.joined;
  const network = networks.find(({ Name }) => Name === name);
  const problem = network
    ? (ownNetwork(network, own) ?? problemOfKind(network))
    : missing(name, networks, "the one on which the container of Loki is");
  return problem === undefined ? [] : [`litellm-mcp:monitoring.logs.loki.network: ${problem}`];
}

function missing(name: string, networks: readonly Docker.NetworkInspectInfo[], which: string | undefined): string {
  const there = networks.filter((other) => problemOfKind(other) === undefined).map(({ Name }) => Name);
  const choice = there.length ? `there are ${there.sort().join(", ")}` : "there is none that can be joined";
  const orElse = which ?? `${there.length ? "one of these, or " : ""}nothing, so that one is made`;
  return `there is no network ${name} on the host; ${choice}. Write ${orElse}`;
}

function ownNetwork({ Name, Labels }: Docker.NetworkInspectInfo, own: OwnIdentity): string | undefined {
  // Pulumi would delete what is no longer wanted, with all containers on it.
  return isOwn({ labels: Labels ?? {} }, own)
    ? `this stack has made the network ${Name} itself. Leave it out`
    : undefined;
}

/** Why containers cannot join a network. */
function problemOfKind({ Name, Driver, Scope }: Docker.NetworkInspectInfo): string | undefined {
  if (Driver !== "bridge" || Scope === "swarm")
    return `network ${Name} is of the driver ${Driver}${Scope === "swarm" ? ", of a swarm" : ""}. Write a network of the driver bridge`;
  // On it containers have no names, by which LiteLLM finds its servers.
  if (Name === "bridge") return "network bridge is Docker's own, on which containers have no names. Write another";
  return undefined;
}

/** Names that the stack's containers take on a network and that lead to somebody else's already. */
function nameProblems(
  settings: Joining,
  which: "mcp" | "postgres",
  network: string,
  neighbours: readonly NetworkMember[],
): string[] {
  const { servers, postgres } = settings;
  const taken =
    which === "mcp" ? servers.map(({ host }) => host) : postgres.kind === "dedicated" ? [PostgresServer.HOST] : [];
  // Whoever else has a container's name is told so by `ownershipProblem`.
  const ours = namesOnDaemon(settings).container;
  return neighbours
    .filter(({ name }) => !ours.includes(name))
    .flatMap(({ name, names }) =>
      names
        .filter((one) => taken.includes(one))
        .map(
          (one) =>
            `the name ${one} on network ${network} leads to container ${name}; a container of this stack would have it as ` +
            `well, and the two would be asked in turn. Take it off the network: docker network disconnect ${network} ${name}`,
        ),
    );
}

/** What a network lacks that the stack's own has. */
function missingOf({ Name, Internal, Options }: Docker.NetworkInspectInfo, which: "mcp" | "postgres"): string[] {
  const onIt = which === "mcp" ? "MCP servers" : "servers that read Postgres";
  const ownWay = `docker network create --internal -o ${INHIBIT_ADDRESS}=true NAME makes one without.`;
  if (!Internal)
    return [
      `Network ${Name} is not internal: ${onIt} that are on it reach the LAN and the internet by it, whatever their ` +
        `\`egress\` says. ${ownWay}`,
    ];
  return Options?.[INHIBIT_ADDRESS] === "true" || which === "postgres"
    ? []
    : [
        `Network ${Name} is internal, but has an address of the host: ${onIt} that are on it reach what listens on all ` +
          `addresses of the host. ${ownWay}`,
      ];
}
