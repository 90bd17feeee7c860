import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { createInterface } from "node:readline";
import { PassThrough, type Readable } from "node:stream";
import type Docker from "dockerode";
import { demultiplex } from "../../components/docker/docker-connection.ts";
import { gone } from "../../components/docker/gone.ts";

/** Label of everything that is made to be thrown away; its value says which run it belongs to. */
export const THROW_AWAY_LABEL = "litellm-mcp.throw-away";
/** No run takes so long; one on another machine cannot be asked whether it still lives. */
const LONGEST_RUN_MS = 60 * 60_000;

const ownRun = () => `${hostname()} ${process.pid}`;

/** Whether the run that made something is over, so that nobody will remove it any more. */
export function isLeftOver(
  run: string,
  createdMs: number,
  { host = hostname(), isAlive = processIsAlive, now = Date.now() } = {},
): boolean {
  const [where, pid] = run.split(" ");
  if (now - createdMs > LONGEST_RUN_MS) return true;
  return where === host && !isAlive(Number(pid));
}

export function processIsAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Removes containers and networks that runs have left behind which were killed. */
export async function removeLeftOvers(docker: Docker): Promise<void> {
  const filters = { label: [THROW_AWAY_LABEL] };
  for (const { Id, Labels, Created } of await docker.listContainers({ all: true, filters }))
    if (isLeftOver(Labels[THROW_AWAY_LABEL] ?? "", Created * 1_000)) await gone(docker.getContainer(Id).remove(FORCE));
  for (const { Id, Labels = {}, Created } of await docker.listNetworks({ filters }))
    if (isLeftOver(Labels[THROW_AWAY_LABEL] ?? "", Date.parse(String(Created))))
      await gone(docker.getNetwork(Id).remove());
}

const FORCE = { force: true, v: true } as const;

/** What one throw-away container is. What it may not do is the same for all. */
export interface ThrowAway {
  readonly image: string;
  readonly command: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Names of networks, each with what the container is called there; none: it reaches nothing. */
  readonly networks?: readonly (readonly [network: string, ...aliases: string[]])[];
  readonly memoryMiB: number;
  readonly processes?: number;
  /** Directories that can be written, each empty and of this many MiB, in memory. */
  readonly writable?: Readonly<Record<string, number>>;
  /** Volumes of the daemon by where they are in the container, which can read them. */
  readonly volumes?: Readonly<Record<string, string>>;
  /** Everything else is read-only, and the user is nobody's. Not of somebody else's image, which has a user of its own. */
  readonly isOwnImage: boolean;
}

/**
 * Containers and networks on a daemon which are all removed by `remove`. As deployed ones they have no capabilities, no
 * new privileges and bounded memory; other than these they can write to no mount.
 */
export class ThrowAways {
  readonly #docker: Docker;
  readonly #name: string;
  readonly #containers: Docker.Container[] = [];
  readonly #networks: Docker.Network[] = [];

  /** @param name What goes into the names of containers, for people. */
  constructor(docker: Docker, name: string) {
    this.#docker = docker;
    this.#name = `litellm-mcp-throw-away-${name}-${randomBytes(4).toString("hex")}`;
  }

  async network({ internal }: { readonly internal: boolean }): Promise<string> {
    const name = `${this.#name}-${this.#networks.length}`;
    const network = await this.#docker.createNetwork({
      Name: name,
      Driver: "bridge",
      Internal: internal,
      // Without it, an internal network has an address of the host, which leads to everything that listens there.
      ...(internal && { Options: { "com.docker.network.bridge.inhibit_ipv4": "true" } }),
      Labels: { [THROW_AWAY_LABEL]: ownRun() },
    });
    this.#networks.push(network);
    return name;
  }

  /** Starts a container; gives it and its name. */
  async run(given: ThrowAway): Promise<{ readonly container: Docker.Container; readonly name: string }> {
    const name = `${this.#name}-${this.#containers.length}`;
    const { networks = [], writable = {}, volumes = {} } = given;
    const [first, ...others] = networks;
    const memory = given.memoryMiB * 2 ** 20;
    const container = await this.#docker.createContainer({
      name,
      Image: given.image,
      ...(given.entrypoint && { Entrypoint: [...given.entrypoint] }),
      Cmd: [...given.command],
      Env: Object.entries(given.env ?? {}).map(([variable, value]) => `${variable}=${value}`),
      ...(given.isOwnImage && { User: ownUser() }),
      Labels: { [THROW_AWAY_LABEL]: ownRun() },
      Healthcheck: { Test: ["NONE"] },
      HostConfig: {
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
        Init: true,
        Memory: memory,
        MemorySwap: memory,
        CpuShares: 128,
        ...(given.processes && { Ulimits: [{ Name: "nproc", Soft: given.processes, Hard: given.processes }] }),
        ReadonlyRootfs: given.isOwnImage,
        Tmpfs: Object.fromEntries(Object.entries(writable).map(([at, mib]) => [at, `size=${mib}m,mode=1777`])),
        Binds: Object.entries(volumes).map(([at, volume]) => `${volume}:${at}:ro`),
        LogConfig: { Type: "json-file", Config: { "max-size": "5m", "max-file": "1" } },
        NetworkMode: first?.[0] ?? "none",
      },
      ...(first && { NetworkingConfig: { EndpointsConfig: { [first[0]]: { Aliases: first.slice(1) } } } }),
    });
    this.#containers.push(container);
    for (const [network, ...aliases] of others)
      await this.#docker.getNetwork(network).connect({ Container: container.id, EndpointConfig: { Aliases: aliases } });
    await container.start();
    return { container, name };
  }

  async remove(): Promise<void> {
    for (const container of this.#containers.splice(0)) await gone(container.remove(FORCE));
    for (const network of this.#networks.splice(0)) await gone(network.remove());
  }
}

/** A limit on processes counts all processes of a user on the whole host: deployed servers have others, up to 989,999. */
const ownUser = () => {
  const uid = 990_000 + (randomBytes(2).readUInt16BE() % 9_000);
  return `${uid}:${uid}`;
};

/** What a container writes, line by line, until it ends or `signal` says so. */
export async function* linesOf(container: Docker.Container, signal: AbortSignal): AsyncGenerator<string> {
  const raw = (await container.logs({ stdout: true, stderr: true, follow: true })) as unknown as Readable;
  const both = new PassThrough();
  const stop = () => raw.destroy();
  signal.addEventListener("abort", stop);
  raw.once("close", () => both.end());
  raw.once("error", () => both.end());
  container.modem.demuxStream(raw, both, both);
  try {
    if (!signal.aborted) yield* createInterface({ input: both });
  } finally {
    signal.removeEventListener("abort", stop);
    raw.destroy();
  }
}

/** Everything that it has written up to now. */
export const logOf = async (container: Docker.Container): Promise<string> =>
  demultiplex(await container.logs({ stdout: true, stderr: true, follow: false })).trimEnd();

/** Its exit code when it has ended. */
export const ended = async (container: Docker.Container): Promise<number> =>
  ((await container.wait()) as { StatusCode: number }).StatusCode;
