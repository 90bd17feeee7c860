import type * as pulumi from "@pulumi/pulumi";
import type Docker from "dockerode";
import pg from "pg";
import { INHIBIT_ADDRESS } from "../components/docker/networks.ts";
import { type NetworkMember, networkMembers } from "../components/docker/network-members.ts";
import type { DockerEndpoint } from "../components/docker/ssh-connection.ts";
import { wayFromHere } from "../components/postgres/databases.ts";
import { findPostgres } from "../components/postgres/find-postgres.ts";
import { openContainerTunnel, TunnelError } from "../components/postgres/postgres-tunnel.ts";
import { sslOf } from "../components/postgres/ssl.ts";
import type { ExistingPostgres, SslMode } from "../settings/settings.ts";
import { type Contents, postgresContents, type Query } from "./postgres-contents.ts";
import { offersSsl } from "./postgres-ssl.ts";

const CONNECT_TIMEOUT_MS = 15_000;
const SETTING = "litellm-mcp:postgres";

/** What a look at an existing Postgres has found. */
export interface PostgresFindings extends Contents {
  /** As it is written, or what fits the server. */
  readonly sslmode: SslMode | undefined;
  /** Major version; undefined where it could not be asked. */
  readonly version: number | undefined;
}

/** How an existing Postgres is reached. */
export type Way =
  | { readonly problem: string }
  | {
      /** Undefined: at an address of the LAN. */
      readonly container: NetworkMember | undefined;
      /** Whether the host has no address on the container's network. */
      readonly isIsolated: boolean;
    };

/** Asks an existing Postgres whether it takes what `up` will do. */
export async function existingPostgresFindings(
  postgres: ExistingPostgres,
  way: Way,
  password: () => Promise<string>,
  isDeployed: boolean,
  hasSpend: boolean,
): Promise<PostgresFindings> {
  const refused = (problem: string): PostgresFindings => ({
    problems: [problem],
    warnings: [],
    sslmode: postgres.sslmode,
    version: undefined,
  });
  if ("problem" in way) return refused(way.problem);
  // Whatever has that address elsewhere on the LAN is not the container, and is not asked.
  if (way.isIsolated) return refused(explainConnection(postgres, way, "the network has the option inhibit_ipv4"));
  const { host, port } = wayFromHere(postgres);
  const offered = await offersSsl(host, port).catch((error: Error) => error);
  if (offered instanceof Error) return refused(explainConnection(postgres, way, offered.message));
  const sslmode = postgres.sslmode ?? (offered ? "require" : "disable");
  if (sslmode !== "disable" && !offered)
    return refused(
      `${SETTING}.sslmode ${sslmode}: the server at ${nameOf(postgres)} offers no encryption. Write disable, or leave it out`,
    );
  const connections = new Map<string, Promise<pg.Client>>();
  const connect = async (database: string) => {
    const client = new pg.Client({
      ...{ host, port, user: postgres.adminUser, password: await password(), database, ssl: sslOf(sslmode) },
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    await client.connect();
    return client;
  };
  try {
    const query: Query = async (database, sql, values) => {
      if (!connections.has(database)) connections.set(database, connect(database));
      const { rows } = await (await connections.get(database)!).query(sql, values && [...values]);
      return rows as Record<string, unknown>[];
    };
    const contents = await postgresContents(postgres, isDeployed, hasSpend, query);
    const [server] = await query("postgres", "SELECT current_setting('server_version_num')::int / 10000 AS version");
    return { ...contents, sslmode, version: Number(server!["version"]) };
  } catch (error) {
    return refused(explainLogin(postgres, error as Error & { code?: string }));
  } finally {
    for (const result of await Promise.allSettled(connections.values()))
      if (result.status === "fulfilled") await result.value.end();
  }
}

/** The way to an existing server: its container where it is on a network of the host, to which a tunnel is opened. */
export async function wayToPostgres(
  postgres: ExistingPostgres,
  { docker, endpoint, containers, networks }: Host,
): Promise<Way> {
  const { host, network } = postgres;
  if (!network) return { container: undefined, isIsolated: false };
  const found = findPostgres(host, network.name, await networkMembers(docker, network.name, containers));
  if ("problem" in found) return found;
  try {
    await openContainerTunnel(endpoint, { ...postgres, network }, found.container.address);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { problem: error.message };
  }
  const options = networks.find(({ Name }) => Name === network.name)?.Options;
  return { ...found, isIsolated: options?.[INHIBIT_ADDRESS] === "true" };
}

/** What is there, whoever made it. */
interface Host {
  readonly docker: Docker;
  readonly endpoint: DockerEndpoint;
  readonly containers: readonly Docker.ContainerInfo[];
  readonly networks: readonly Docker.NetworkInspectInfo[];
}

export const passwordOf = (
  { adminPasswordSecret }: ExistingPostgres,
  secret: (name: string) => pulumi.Output<string>,
): Promise<string> => new Promise((resolve) => secret(adminPasswordSecret).apply(resolve));

/** Where it is, for people. */
const nameOf = ({ host, port, network }: ExistingPostgres) =>
  `${host}:${port}${network ? ` on network ${network.name}` : ""}`;

/** Why nobody answers, as what the user can do about it. */
export function explainConnection(
  postgres: ExistingPostgres,
  { container }: Pick<Exclude<Way, { problem: string }>, "container">,
  said: string,
): string {
  const { host, port, network } = postgres;
  const where = `${SETTING} (existing): no answer from ${nameOf(postgres)}`;
  const words = `(${said.trim().replace(/\s*\n\s*/g, " ")})`;
  if (/administratively prohibited/.test(said))
    return (
      `${where}: sshd on the host lets nobody connect to its address. In its sshd_config: AllowTcpForwarding yes, and no ` +
      `PermitOpen that leaves it out\n${words}`
    );
  if (network && /timed out|does not answer|UNREACH|no route|inhibit_ipv4/i.test(said))
    return (
      `${where}: the host does not reach ${container?.address}, the address of container ${container?.name}. A network without an address of ` +
      "the host (internal, with inhibit_ipv4) keeps it from that, and so does Docker Desktop, which runs containers in a " +
      `machine of their own. Put Postgres on another network as well: docker network create NAME, docker network connect ` +
      `NAME ${container?.name}, and write that at ${SETTING}.network; or publish its port on the host's LAN address, and ` +
      `write ${SETTING} with that as host and without network\n${words}`
    );
  if (/refused/i.test(said))
    return network
      ? `${SETTING}.port ${port}: container ${container?.name} runs, and nothing listens on this port in it. Write the port of Postgres within its container, not one that is published\n${words}`
      : `${where}: nothing listens there. Check host and port, and that Postgres listens on this address\n${words}`;
  return `${where}. Check host ${host}, port ${port}, and whether a firewall is in between\n${words}`;
}

function explainLogin(postgres: ExistingPostgres, { message, code }: Error & { code?: string }): string {
  const { adminUser, adminPasswordSecret, sslmode } = postgres;
  const refuses = `${SETTING} (existing) refuses ${adminUser}@${nameOf(postgres)}: ${message}.`;
  if (code === "28P01")
    return (
      `${refuses} Write the password of ${adminUser}: ` +
      `pulumi config set --secret --path 'litellm-mcp:secrets.${adminPasswordSecret}'; or another ${SETTING}.adminUser`
    );
  if (code === "28000")
    return (
      `${refuses} Its pg_hba.conf has to let ${adminUser} in from there` +
      (sslmode === "disable" ? `; if it wants encryption, leave out ${SETTING}.sslmode` : "")
    );
  return (
    `${refuses} Check host, port, adminUser and pg_hba.conf, and: ` +
    `pulumi config set --secret --path 'litellm-mcp:secrets.${adminPasswordSecret}'`
  );
}
