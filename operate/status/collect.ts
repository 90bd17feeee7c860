import type Docker from "dockerode";
import pMap from "p-map";
import { askAdapter } from "../../components/gateway/check/adapters.ts";
import { connectDocker, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { known } from "../../components/docker/gone.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { LITELLM_DATABASE } from "../../components/postgres/databases.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import { NIGHTLY_SCRIPT } from "../../components/resource-names.ts";
import { STACK_LABEL } from "../../components/stack-identity.ts";
import { DAY_MS, NO_CALLS, type RecentCalls, recentCalls } from "../audit/figures.ts";
import { filesOfRunning } from "../audit/files.ts";
import { recordsOf } from "../audit/records.ts";
import { later } from "../audit/selection.ts";
import type { Deployed } from "./deployed.ts";
import { parseState } from "../../check/scheduled/state.ts";
import { SCHEDULED_CHECK_STATE_FILE } from "../../components/gateway/scheduled-check.ts";
import {
  NO_ANSWER,
  type BackupStatus,
  type ContainerStatus,
  type DatabaseStatus,
  type NetworkStatus,
  type ScheduledCheckStatus,
  type ServerStatus,
  type Spend,
  type Status,
} from "./status.ts";

const GATEWAY_TIMEOUT_MS = 10_000;

/** Looks at everything that a stack has by its state: at the daemon, the adapters, the gateway and the database. */
export async function collect(deployed: Deployed): Promise<Status> {
  const docker = connectDocker(deployed.docker);
  const { ServerVersion, SystemTime } = (await docker.info()) as { ServerVersion: string; SystemTime: string };
  const each = <From, To>(from: readonly From[], ask: (one: From) => Promise<To>) =>
    pMap(from, ask, { concurrency: QUESTIONS_AT_ONCE });
  const containers = await each(deployed.containers, (name) => containerStatus(docker, name, deployed));
  const joined = containers.flatMap((container) => container.networks);
  const names = [...new Set([...deployed.networks, ...joined])].sort();
  const recent = await recentOf(docker, deployed, new Date(SystemTime).toISOString());
  const callsOf = (of: keyof RecentCalls, name: string) => recent.calls && (recent.calls[of].get(name) ?? NO_CALLS);
  const postgres = await databases(docker, deployed);
  return {
    stack: deployed.stack,
    gateway: await gatewayStatus(deployed.gatewayUrl),
    isChecked: deployed.isChecked,
    containers,
    servers: await each(deployed.servers, async (server) => ({
      ...(await serverStatus(docker, server)),
      calls: callsOf("servers", server.name),
    })),
    clients: deployed.clients.map(({ name, rules }) => ({
      ...{ name, rules, calls: callsOf("clients", name), spend: postgres.spend.get(name) ?? null },
    })),
    auditProblem: recent.problem,
    networks: await each(names, (name) => networkStatus(docker, name)),
    volumes: deployed.volumes,
    databases: postgres.databases,
    backup: deployed.backup === undefined ? null : await backupStatus(docker, deployed.backup),
    scheduledCheck:
      deployed.scheduledCheck === undefined ? null : await scheduledCheckStatus(docker, deployed.scheduledCheck),
    secrets: deployed.secrets,
    docker: { host: deployed.docker.host, version: ServerVersion },
  };
}

/** Whether the ingress answers, and LiteLLM behind it. */
export async function gatewayStatus(url: string | undefined): Promise<Status["gateway"]> {
  if (!url) return { url: "", isUp: false, said: "there is none yet" };
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(GATEWAY_TIMEOUT_MS) });
    return { url, isUp: answer.ok, said: (await answer.text()).slice(0, 300) };
  } catch (error) {
    const { message, cause } = error as Error;
    return { url, isUp: false, said: cause instanceof Error ? cause.message : message };
  }
}

async function containerStatus(docker: Docker, name: string, { images, parts }: Deployed): Promise<ContainerStatus> {
  const part = parts[name] ?? "";
  const container = docker.getContainer(name);
  const found = await known(container.inspect());
  if (!found)
    return {
      name,
      part,
      state: "missing",
      since: "",
      image: "",
      memory: null,
      restarts: 0,
      networks: [],
      ports: [],
      said: "",
    };
  const { State, HostConfig, NetworkSettings, RestartCount, Image } = found;
  const image = await known(docker.getImage(Image).inspect());
  const tags = image?.RepoTags ?? [];
  const isRunning = State.Running && !State.Paused && !State.Restarting;
  const health = State.Health?.Status;
  return {
    name,
    part,
    state: !isRunning || !health || health === "none" ? State.Status : health,
    since: isRunning || State.Paused ? State.StartedAt : State.FinishedAt,
    image: tags.find((tag) => images.includes(tag)) ?? tags[0] ?? image?.RepoDigests?.[0] ?? Image,
    memory: isRunning ? await memoryOf(container, HostConfig.Memory ?? 0) : null,
    restarts: RestartCount,
    networks: Object.keys(NetworkSettings.Networks).sort(),
    ports: Object.values((HostConfig.PortBindings ?? {}) as Record<string, { HostIp: string; HostPort: string }[]>)
      .flat()
      .map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}`)
      .sort(),
    said: isRunning ? (State.Health?.Log.at(-1)?.Output ?? "").trim().slice(0, 300) : State.Error,
  };
}

/** As `docker stats` counts it: without pages of files that the kernel gives back when asked. */
async function memoryOf(container: Docker.Container, limit: number): Promise<ContainerStatus["memory"]> {
  const stats = await container.stats({ stream: false, "one-shot": true });
  const { usage = 0, stats: kinds } = stats.memory_stats as {
    usage?: number;
    stats?: Readonly<Record<string, number | undefined>>;
  };
  return { bytes: usage - (kinds?.["inactive_file"] ?? kinds?.["total_inactive_file"] ?? 0), limit };
}

/**
 * The calls of the last day. Nothing is made on the host to read them: while the ingress does not run, there are none to
 * show, and it is a problem of its own.
 */
async function recentOf(
  docker: Docker,
  { audit }: Deployed,
  now: string,
): Promise<{ readonly calls: RecentCalls | null; readonly problem: string }> {
  try {
    const files = audit && (await filesOfRunning(docker, audit));
    if (!files) return { calls: null, problem: "" };
    const selection = { since: later(now, -DAY_MS) };
    const calls = await recentCalls(recordsOf({ files, selection, masked: [], unreadable: 0 }), now);
    return { calls, problem: "" };
  } catch (error) {
    return { calls: null, problem: (error as Error).message };
  }
}

async function serverStatus(docker: Docker, server: Deployed["servers"][number]): Promise<Omit<ServerStatus, "calls">> {
  const { name, adapter, approved } = server;
  // Without an adapter nobody holds anything back, and only the gateway check knows what it lists.
  if (adapter === null) return { name, state: "without an adapter", tools: null, approved, withheld: 0, restarts: 0 };
  const answer = await askAdapter(docker, adapter, "/metrics").catch((error: Error) => error);
  if (answer instanceof Error)
    return { name, state: `${NO_ANSWER}${answer.message}`, tools: null, approved, withheld: 0, restarts: 0 };
  const figure = (metric: string) => Number(new RegExp(`^${metric} (\\S+)$`, "m").exec(answer)?.[1] ?? 0);
  return {
    name,
    state: figure("adapter_server_up") === 1 ? "up" : "down",
    tools: figure("adapter_tools"),
    approved,
    withheld: figure("adapter_tools_withheld"),
    restarts: figure("adapter_server_restarts_since_start"),
  };
}

/** What it has written down, read in its container. */
async function scheduledCheckStatus(docker: Docker, container: string): Promise<ScheduledCheckStatus> {
  try {
    const { exitCode, stdout, stderr } = await runInContainer(docker, container, ["cat", SCHEDULED_CHECK_STATE_FILE]);
    if (exitCode !== 0) throw new Error(stderr.trim());
    const { last, next, troubles, silent, alertProblem } = parseState(stdout);
    return {
      ...{ container, last, next },
      problems: [
        ...[...troubles.filter(({ isSure }) => isSure), ...(silent ? [silent] : [])].map(
          ({ since, problem }) => `the scheduled check finds, since ${since}: ${problem}`,
        ),
        ...(alertProblem === null ? [] : [`the scheduled check cannot tell anybody: ${alertProblem}`]),
      ],
    };
  } catch (error) {
    const problem = `container ${container} does not tell what the scheduled check has found: ${(error as Error).message.trim()}`;
    return { container, last: null, next: "", problems: [problem] };
  }
}

/** Its own program knows which of them are good. */
async function backupStatus(docker: Docker, container: string): Promise<BackupStatus> {
  try {
    const { exitCode, stdout, stderr } = await runInContainer(docker, container, ["bash", NIGHTLY_SCRIPT, "status"]);
    if (exitCode !== 0) throw new Error(stderr.trim());
    return { container, ...(JSON.parse(stdout) as Omit<BackupStatus, "container">) };
  } catch (error) {
    const problem = `container ${container} does not tell which backups there are: ${(error as Error).message.trim()}`;
    return { container, newest: null, kept: null, folder: "", next: "", problems: [problem] };
  }
}

async function networkStatus(docker: Docker, name: string): Promise<NetworkStatus> {
  const found = await known(docker.getNetwork(name).inspect());
  if (!found) return { name, isThere: false, isInternal: false, isOwn: true, members: [] };
  return {
    name,
    isThere: true,
    isInternal: found.Internal,
    isOwn: STACK_LABEL in (found.Labels ?? {}),
    members: Object.values(found.Containers ?? {})
      .map((member) => member.Name)
      .sort(),
  };
}

/**
 * Sizes, and what clients have spent. The stack's own Postgres is asked in its container; another one from the container that makes
 * the backups, which has psql and a login. Where there is none there is no way while the program does not run.
 */
async function databases(
  docker: Docker,
  { postgres, backup, isChecked }: Deployed,
): Promise<{ readonly databases: Status["databases"]; readonly spend: ReadonlyMap<string, Spend> }> {
  const { where } = postgres;
  const container = postgres.container ?? backup;
  if (!container) return { databases: { where, databases: [], problem: "" }, spend: new Map() };
  // Another Postgres has databases of others as well, whose names are nobody's business here.
  const { login, first, sizes } = postgres.container
    ? { login: ["-U", POSTGRES_ADMIN], first: POSTGRES_ADMIN, sizes: sizesOf("NOT datistemplate") }
    : {
        login: [],
        first: LITELLM_DATABASE,
        sizes: sizesOf(`datname IN (${postgres.databases.map(quoted).join(", ")})`),
      };
  const ask = <Row>(database: string, sql: string) =>
    asked<Row>(docker, container, [...login, "-d", database, "-At", "-c", sql]);
  try {
    const found = await ask<DatabaseStatus>(first, sizes);
    // LiteLLM makes its tables when it starts for the first time.
    const spend = isChecked ? await ask<Spend & { client: string }>(LITELLM_DATABASE, SPEND) : [];
    return {
      databases: { where, databases: found, problem: "" },
      spend: new Map(spend.map(({ client, ...of }) => [client, of])),
    };
  } catch (error) {
    return { databases: { where, databases: [], problem: (error as Error).message }, spend: new Map() };
  }
}

const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

const sizesOf = (which: string) =>
  "SELECT coalesce(json_agg(json_build_object('name', datname, 'bytes', pg_database_size(datname)) ORDER BY datname), '[]') " +
  `FROM pg_database WHERE ${which}`;
const SPEND =
  "SELECT coalesce(json_agg(json_build_object('client', key_alias, 'spent', spend, 'budget', max_budget, " +
  "'left', max_budget - spend, 'renewed', budget_reset_at)), '[]') " +
  'FROM "LiteLLM_VerificationToken" WHERE key_alias IS NOT NULL';

/** @throws Error with what psql says. */
async function asked<Row>(docker: Docker, container: string, args: readonly string[]): Promise<Row[]> {
  const { exitCode, stdout, stderr } = await runInContainer(docker, container, ["psql", ...args]);
  if (exitCode !== 0) throw new Error(stderr.trim());
  return JSON.parse(stdout) as Row[];
}
