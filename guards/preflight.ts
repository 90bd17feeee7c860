import net from "node:net";
import type * as pulumi from "@pulumi/pulumi";
import type Docker from "dockerode";
import pg from "pg";
import { LOOPBACK, type ExistingPostgres, type PublishedPort, type Settings } from "../settings/settings.ts";
import type { OwnIdentity } from "../components/stack-identity.ts";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { type Found, namesOnDaemon, ownershipProblem } from "./ownership.ts";
import { type DockerEndpoint, isSsh, listensOverSsh, SshForwardingError } from "../components/docker/ssh-connection.ts";

const CONNECT_TIMEOUT_MS = 15_000;

/** Something about the server that would let `up` fail half-way; the message says what to do. */
export class PreflightError extends Error {
  constructor(problems: readonly string[]) {
    super(
      `the server is not ready, nothing was changed:\n${problems.map((problem) => `  - ${problem.replace(/\n/g, "\n    ")}`).join("\n")}`,
    );
    this.name = "PreflightError";
  }
}

/**
 * Looks at the real server before any resource is touched: Docker answers, what has our names is ours, ports are free, an
 * existing Postgres lets us in. The provider would notice each of these late, once per resource, or only after `waitTimeout`.
 *
 * @returns What works, but has a catch worth telling.
 * @throws PreflightError with every problem found.
 */
export async function preflight(
  settings: Settings,
  own: OwnIdentity,
  secret: (name: string) => pulumi.Output<string>,
): Promise<readonly string[]> {
  const docker = connectDocker(settings.docker);
  const answer = docker.listContainers({ all: true, abortSignal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  const containers = await answer.catch((error: Error) => {
    throw new PreflightError([explainDocker(settings.docker.host, error.message)]);
  });
  const [{ Version: engine }, others] = await Promise.all([docker.version(), networksAndVolumes(docker)]);
  const problems = await Promise.all([
    ...settings.publishedPorts.map((port) => portProblem(settings, port, containers)),
    settings.postgres.kind === "existing" ? postgresProblem(settings.postgres, secret) : undefined,
  ]);
  const found = [
    ...foreign([...containers.flatMap(asFound), ...others], settings, own),
    ...problems.filter((problem) => problem !== undefined),
  ];
  if (found.length) throw new PreflightError(found);
  return [engineWarning(engine)].filter((warning) => warning !== undefined);
}

const asFound = ({ Names, Labels: labels, Created, Image: image }: Docker.ContainerInfo): Found[] =>
  Names.map((name) => ({ kind: "container", name: name.slice(1), labels, created: new Date(Created * 1000), image }));

async function networksAndVolumes(docker: Docker): Promise<Found[]> {
  const [networks, { Volumes: volumes }] = await Promise.all([docker.listNetworks(), docker.listVolumes()]);
  return [
    ...networks.map(({ Name, Labels, Created }): Found => ({
      kind: "network",
      name: Name,
      labels: Labels ?? {},
      created: new Date(Created),
    })),
    ...volumes.map((volume): Found => {
      // The type of a volume in a list leaves the time out.
      const { CreatedAt } = volume as typeof volume & { readonly CreatedAt: string };
      return { kind: "volume", name: volume.Name, labels: volume.Labels ?? {}, created: new Date(CreatedAt) };
    }),
  ];
}

function foreign(found: readonly Found[], settings: Settings, own: OwnIdentity): string[] {
  const names = namesOnDaemon(settings);
  return found
    .filter(({ kind, name }) => names[kind].includes(name))
    .flatMap((one) => ownershipProblem(one, own) ?? []);
}

/** The first versions of each line in which CVE-2024-29018 is mended; 24 has none. */
const MENDED = [
  [23, 0, 11],
  [25, 0, 5],
  [26, 0, 0],
] as const;

/** What is wrong with a Docker engine of this version; undefined when nothing is known. */
export function engineWarning(version: string): string | undefined {
  const numbers = /^(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number);
  if (!numbers) return undefined;
  const [major = 0, minor = 0, patch = 0] = numbers;
  const isMended =
    major > 26 ||
    MENDED.some((line) => major === line[0] && (minor > line[1] || (minor === line[1] && patch >= line[2])));
  if (isMended) return undefined;
  return (
    `Docker ${version} on the host is older than 23.0.11, 25.0.5 and 26.0: by its own number it has CVE-2024-29018, with which a container on an ` +
    "internal network reaches DNS servers outside, and so can send out what it knows. The distribution may have patched it; otherwise install a newer Docker."
  );
}

/** What ssh, the remote shell or the socket said → what the user can do about it. */
export function explainDocker(host: string, said: string): string {
  const url = new URL(host);
  const where = url.protocol === "ssh:" ? `${url.hostname}${url.port ? `:${url.port}` : ""}` : url.pathname;
  const keyscan = `ssh-keyscan ${url.port ? `-p ${url.port} ` : ""}${url.hostname} >> ~/.ssh/known_hosts`;
  const causes: readonly (readonly [RegExp, string])[] = [
    [
      /Host key verification failed/,
      `the SSH host key of ${where} is not known. Compare its fingerprint on the server (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: ${keyscan}`,
    ],
    [
      /REMOTE HOST IDENTIFICATION HAS CHANGED/,
      `the SSH host key of ${where} is not the one in known_hosts. If the server was really reinstalled: ssh-keygen -R '${url.hostname}'`,
    ],
    [
      /Permission denied \(/,
      `${where} refuses the SSH login of "${url.username || "this user"}". Put your public key there: ssh-copy-id ${url.username}@${url.hostname}`,
    ],
    [
      /Could not resolve hostname/,
      `the name ${url.hostname} is not known here. Use an IP address in litellm-mcp:docker.host, or add the name to /etc/hosts`,
    ],
    [
      /Connection refused|Connection timed out|No route to host|aborted/,
      `${where} does not answer. Is the server on, sshd running and the port right?`,
    ],
    [
      /docker: (command )?not found|docker: No such file/,
      `there is no docker command on ${where}. Install Docker there (Debian: sudo apt-get install docker.io)`,
    ],
    [
      /permission denied.*docker|EACCES/is,
      `no permission to use Docker on ${where}. On that machine: sudo usermod -aG docker ${url.username || "$USER"}, then log in again`,
    ],
    [
      /Cannot connect to the Docker daemon|ENOENT|ECONNREFUSED/,
      `no Docker daemon answers at ${where}. Start it: sudo systemctl start docker`,
    ],
  ];
  const cause = causes.find(([pattern]) => pattern.test(said))?.[1] ?? `Docker at ${host} cannot be used`;
  return `litellm-mcp:docker.host ${host}: ${cause}\n(${said.trim().split("\n").slice(-3).join(" ")})`;
}

/** Addresses that a port is published on when it is published everywhere. */
const EVERYWHERE = ["", "0.0.0.0", "::"];

async function portProblem(
  { docker }: Settings,
  { setting, address, port, container, formerContainer }: PublishedPort,
  containers: readonly Docker.ContainerInfo[],
): Promise<string | undefined> {
  const holders = containers.filter(
    (info) =>
      info.State === "running" &&
      info.Ports.some(({ PublicPort, IP = "" }) => PublicPort === port && [...EVERYWHERE, address].includes(IP)),
  );
  // The stack's own container has it already, and is replaced before the port is published again.
  const isOurs = ({ Names }: Docker.ContainerInfo) =>
    [container, formerContainer].some((name) => Names.includes(`/${name}`));
  if (holders.some(isOurs)) return undefined;
  const mend = `Free it, or write another port at ${setting}`;
  const holder = holders[0];
  if (holder) return `port ${port} on ${address} is taken by container ${holder.Names[0]?.slice(1)}. ${mend}`;
  try {
    return (await listens(docker, address, port))
      ? `port ${port} on ${address} is taken by another program. ${mend}`
      : undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The LAN's addresses are reached from here; of a host over ssh, its loopback only from there. */
async function listens(docker: DockerEndpoint, address: string, port: number): Promise<boolean> {
  if (address !== LOOPBACK || !isSsh(docker)) return accepts(address, port);
  return listensOverSsh(docker, port, CONNECT_TIMEOUT_MS).catch((error: Error) => {
    const { hostname } = new URL(docker.host);
    throw new Error(
      error instanceof SshForwardingError
        ? `sshd on ${hostname} lets nobody connect to a port of the host, which is how Postgres and LiteLLM's admin API are reached. In its sshd_config: AllowTcpForwarding yes, and no PermitOpen that leaves out 127.0.0.1`
        : `port ${port} on ${address} of ${hostname} cannot be asked for by ssh: ${error.message}`,
    );
  });
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: 2_000 });
    const answer = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket
      .on("connect", () => answer(true))
      .on("timeout", () => answer(false))
      .on("error", () => answer(false));
  });
}

async function postgresProblem(
  { host, port, adminUser, sslmode, adminPasswordSecret }: ExistingPostgres,
  secret: (name: string) => pulumi.Output<string>,
): Promise<string | undefined> {
  const password = await new Promise<string>((resolve) => secret(adminPasswordSecret).apply(resolve));
  const client = new pg.Client({
    host,
    port,
    user: adminUser,
    password,
    database: "postgres",
    // As libpq reads sslmode: `require` encrypts and believes any certificate.
    ssl: sslmode === "disable" ? false : { rejectUnauthorized: sslmode !== "require" },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return `litellm-mcp:postgres (existing) refuses ${adminUser}@${host}:${port}: ${(error as Error).message}. Check host, port, adminUser and pg_hba.conf, and: pulumi config set --secret --path 'litellm-mcp:secrets.${adminPasswordSecret}' <password>`;
  } finally {
    await client.end();
  }
}
