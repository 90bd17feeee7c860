import type Docker from "dockerode";
import pMap from "p-map";
import { askAdapter } from "../../components/gateway/check/adapters.ts";
import { connectDocker, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import { STACK_LABEL } from "../../components/stack-identity.ts";
import type { Deployed } from "./deployed.ts";
import type { ContainerStatus, DatabaseStatus, NetworkStatus, ServerStatus, Status } from "./status.ts";

const GATEWAY_TIMEOUT_MS = 10_000;

/** Looks at everything that a stack has by its state: at the daemon, the adapters, the gateway and the database. */
export async function collect(deployed: Deployed): Promise<Status> {
  const docker = connectDocker(deployed.docker);
  const { ServerVersion } = (await docker.info()) as { ServerVersion: string };
  const each = <From, To>(from: readonly From[], ask: (one: From) => Promise<To>) =>
    pMap(from, ask, { concurrency: QUESTIONS_AT_ONCE });
  const containers = await each(deployed.containers, (name) => containerStatus(docker, name, deployed.images));
  const joined = containers.flatMap((container) => container.networks);
  const names = [...new Set([...deployed.networks, ...joined])].sort();
  return {
    stack: deployed.stack,
    gateway: await gatewayStatus(deployed.gatewayUrl),
    isChecked: deployed.isChecked,
    containers,
    servers: await each(deployed.servers, (server) => serverStatus(docker, server)),
    clients: deployed.clients,
    networks: await each(names, (name) => networkStatus(docker, name)),
    volumes: deployed.volumes,
    databases: await databases(docker, deployed),
    secrets: deployed.secrets,
    docker: { host: deployed.docker.host, version: ServerVersion },
  };
}

async function gatewayStatus(url: string | undefined): Promise<Status["gateway"]> {
  if (!url) return { url: "", isUp: false, said: "there is none yet" };
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(GATEWAY_TIMEOUT_MS) });
    return { url, isUp: answer.ok, said: (await answer.text()).slice(0, 300) };
  } catch (error) {
    const { message, cause } = error as Error;
    return { url, isUp: false, said: cause instanceof Error ? cause.message : message };
  }
}

/** Undefined for what the daemon does not know. */
const known = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: Error & { statusCode?: number }) => {
    if (error.statusCode === 404) return undefined;
    throw error;
  });

async function containerStatus(docker: Docker, name: string, images: readonly string[]): Promise<ContainerStatus> {
  const container = docker.getContainer(name);
  const found = await known(container.inspect());
  if (!found)
    return {
      name,
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

async function serverStatus(docker: Docker, server: Deployed["servers"][number]): Promise<ServerStatus> {
  const { name, adapter, approved } = server;
  // Without an adapter nobody holds anything back, and only the gateway check knows what it lists.
  if (adapter === null) return { name, state: "without an adapter", tools: null, approved, withheld: 0, restarts: 0 };
  const answer = await askAdapter(docker, adapter, "/metrics").catch((error: Error) => error);
  if (answer instanceof Error)
    return { name, state: `no answer: ${answer.message}`, tools: null, approved, withheld: 0, restarts: 0 };
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

/** Sizes are asked in the stack's own Postgres; to another one there is no way while the program does not run. */
async function databases(docker: Docker, { postgres }: Deployed): Promise<Status["databases"]> {
  if (!postgres.container) return { where: postgres.where, databases: [], problem: "" };
  const sql =
    "SELECT json_agg(json_build_object('name', datname, 'bytes', pg_database_size(datname)) ORDER BY datname) " +
    "FROM pg_database WHERE NOT datistemplate";
  const asked = runInContainer(docker, postgres.container, ["psql", "-U", POSTGRES_ADMIN, "-At", "-c", sql]);
  const { exitCode, stdout, stderr } = await asked.catch((error: Error) => ({
    ...{ exitCode: 1, stdout: "", stderr: error.message },
  }));
  if (exitCode !== 0) return { where: postgres.where, databases: [], problem: stderr.trim() };
  return { where: postgres.where, databases: JSON.parse(stdout) as DatabaseStatus[], problem: "" };
}
