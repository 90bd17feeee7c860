import { randomBytes } from "node:crypto";
import type Docker from "dockerode";
import { visible } from "../../approval/tool-scan.ts";
import { distinctTools, type Tool } from "../../approval/tool-lock.ts";
import { connectDocker, type DockerEndpoint } from "../../components/docker/docker-connection.ts";
import { listAtAdapters } from "../../components/gateway/check/adapters.ts";
import { nativeHost } from "../../settings/resolve/daemon-names.ts";
import type { ServerSettings, UpstreamSettings } from "../../settings/settings.ts";
import { ensureAdapterImage, ensureImage } from "./image.ts";
import type { StackServer } from "./stack-servers.ts";
import { linesOf, logOf, ThrowAways } from "./throw-away.ts";

/** The adapter gives a package 90 s to answer; an image may need a while until it listens. */
const UP_WITHIN_MS = 120_000;
const LOG_LINES = 15;
const ADAPTER_MEMORY_MIB = 256;
const TMP_MIB = 64;

/** Reasons of an adapter why an image is away, which may have only just been started. */
const NOT_LISTENING_YET = /cannot be reached|broke the connection/;

/** What a throw-away server has beside its package and the `env` of its server.yaml. */
export interface Given {
  /** Of the stack. */
  readonly env: boolean;
  /** Values by name; undefined: it has none. */
  readonly secrets: Readonly<Record<string, string>> | undefined;
  /** A way out of its own, and the stack's Postgres if it is made for that. */
  readonly network: boolean;
}

export const NOTHING: Given = { env: false, secrets: undefined, network: false };

/** A server that did not come up alone. */
export class NotUp extends Error {
  override readonly name = "NotUp";
  /** @param log undefined: it runs elsewhere. */
  constructor(server: string, why: string, log: readonly string[] | undefined) {
    const last = log?.length ? log.map((line) => `\n    ${line}`).join("") : "\n    (nothing)";
    super(
      log
        ? `${server}: does not come up in a throw-away container: ${why}\n  what it wrote last:${last}`
        : `${server}: does not answer the adapter in a throw-away container: ${why}`,
    );
  }
}

export interface Alone {
  readonly endpoint: DockerEndpoint;
  /** Name of the network with the stack's own Postgres. */
  readonly postgresNetwork: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * What a server lists in containers that are made for this question and thrown away after it, without what others have
 * given it: no network, no secrets, no mounts.
 *
 * @throws NotUp when it does not come up like that.
 */
export async function listAlone(server: StackServer, given: Given, alone: Alone): Promise<readonly Tool[]> {
  const { endpoint, say, signal } = alone;
  const { settings } = server;
  const docker = connectDocker(endpoint);
  const image = await ensureAdapterImage(docker, settings, say, signal);
  if (settings.source.kind === "native") await ensureImage(docker, settings.source.image, say, signal);
  signal.throwIfAborted();
  const made = new ThrowAways(docker, settings.name);
  try {
    const { adapter, others } = await start(made, server, image, given, alone, docker);
    const problem = await untilUp(adapter.container, others, signal);
    const itsLog = settings.source.kind === "remote" ? undefined : (others[0] ?? adapter.container);
    if (problem !== undefined) throw await notUp(settings.name, problem, itsLog);
    const answer = (await listAtAdapters(endpoint, [adapter.name])).get(adapter.name)!;
    if ("problem" in answer) throw await notUp(settings.name, visible(answer.problem), itsLog);
    return distinctTools(answer.tools);
  } finally {
    await made.remove();
  }
}

async function start(
  made: ThrowAways,
  { settings, ownEnv, mountTargets }: StackServer,
  image: string,
  { env, secrets, network }: Given,
  { postgresNetwork }: Alone,
  docker: Docker,
) {
  const { name, source, command, memoryMiB, processes, adapter } = settings;
  const wayOut = network || source.kind === "remote" ? await made.network({ internal: false }) : undefined;
  const postgres =
    network && settings.postgres && (await hasNetwork(docker, postgresNetwork)) ? postgresNetwork : undefined;
  const reached = [wayOut, postgres].flatMap((one) => (one === undefined ? [] : [[one] as const]));
  const variables = {
    ...(env ? settings.env : ownEnv),
    ...(secrets && valuesOf(settings.secrets, secrets)),
  };
  const ofAdapter = {
    ADAPTER_SERVER: name,
    ADAPTER_TOKEN: randomBytes(20).toString("hex"),
    ADAPTER_ANSWER_MIB: String(adapter?.answerMiB ?? 8),
    ...(adapter?.upstream && upstreamEnv(settings, adapter.upstream, secrets)),
  };
  // Where volumes and mounts would be, it finds empty directories.
  const empty = Object.fromEntries(mountTargets.map((target) => [target, TMP_MIB]));

  if (source.kind === "wrapped") {
    const writable = { ...empty, "/data": TMP_MIB, "/tmp": settings.writableTmpMiB ?? TMP_MIB };
    return {
      adapter: await made.run({
        ...{ image, command: ["serve", ...command], env: { ...variables, ...ofAdapter } },
        ...{ networks: reached, memoryMiB, processes, writable, isOwnImage: true },
      }),
      others: [],
    };
  }
  const others: Docker.Container[] = [];
  const shared = source.kind === "native" ? await made.network({ internal: true }) : undefined;
  if (source.kind === "native") {
    const tmp = settings.writableTmpMiB;
    const { container } = await made.run({
      ...{ image: source.image, command, env: variables, memoryMiB, isOwnImage: false },
      networks: [[shared!, nativeHost(name)], ...reached],
      writable: { ...empty, ...(tmp !== undefined && { "/tmp": tmp }) },
    });
    others.push(container);
  }
  const adapterAlone = await made.run({
    ...{ image, command: ["connect"], env: ofAdapter, memoryMiB: ADAPTER_MEMORY_MIB, processes: 64 },
    networks: shared === undefined ? reached : [[shared]],
    ...{ writable: { "/tmp": TMP_MIB }, isOwnImage: true },
  });
  return { adapter: adapterAlone, others };
}

const hasNetwork = async (docker: Docker, name: string) =>
  (await docker.listNetworks({ filters: { name: [name] } })).some(({ Name }) => Name === name);

/** Variables or headers whose values are known. */
const valuesOf = (names: Readonly<Record<string, string>>, values: Readonly<Record<string, string>>) =>
  Object.fromEntries(
    Object.entries(names).flatMap(([key, secret]) => (Object.hasOwn(values, secret) ? [[key, values[secret]!]] : [])),
  );

function upstreamEnv(
  { risks }: ServerSettings,
  { url, transport, login, headers }: UpstreamSettings,
  secrets: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const password = login && secrets[login.kind === "bearer" ? login.token : login.password];
  const authorization =
    login === undefined || password === undefined
      ? undefined
      : login.kind === "bearer"
        ? `Bearer ${password}`
        : `Basic ${Buffer.from(`${login.user}:${password}`).toString("base64")}`;
  return {
    ADAPTER_URL: url,
    ADAPTER_URL_TRANSPORT: transport,
    ADAPTER_URL_HEADERS: JSON.stringify({
      ...(authorization !== undefined && { Authorization: authorization }),
      ...valuesOf(headers, secrets),
    }),
    ADAPTER_URL_PUBLIC: String(risks.includes("outside-lan")),
  };
}

/**
 * Follows what the adapter says of its server. A package that ended once is not waited for any longer; an image may not
 * listen yet, and is tried again while it runs.
 *
 * @returns What is wrong; undefined: it is up.
 */
async function untilUp(
  adapter: Docker.Container,
  others: readonly Docker.Container[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const over = new AbortController();
  const late = AbortSignal.timeout(UP_WITHIN_MS);
  const stop = AbortSignal.any([signal, late, over.signal]);
  let ended: string | undefined;
  for (const other of others)
    void (async () => {
      // Nothing of it matters but its end.
      for await (const line of linesOf(other, stop)) void line;
      if (!stop.aborted) ended = "its container ended";
      over.abort();
    })();
  let away = "";
  try {
    for await (const line of linesOf(adapter, stop)) {
      const { event, reason = "" } = said(line) ?? {};
      if (event === "server up") return undefined;
      if (event !== "server away") continue;
      away = visible(reason);
      if (!others.length || !NOT_LISTENING_YET.test(away)) return away;
    }
  } finally {
    over.abort();
  }
  signal.throwIfAborted();
  if (late.aborted) return `it is not up after ${UP_WITHIN_MS / 1_000} s${away && `: ${away}`}`;
  return ended ?? "the container of its adapter ended";
}

/** A line of the adapter's log; undefined for what is none. */
function said(line: string): { readonly event?: string; readonly reason?: string; readonly text?: string } | undefined {
  try {
    const read = JSON.parse(line) as { source?: string; event?: string; reason?: string; text?: string };
    return read.source === "adapter" ? read : undefined;
  } catch {
    return undefined;
  }
}

/** What the server itself wrote, without what its adapter has to say of it. */
export const ownWords = (log: string): string[] =>
  log
    .split("\n")
    .flatMap((line) => {
      const read = said(line);
      if (!read) return [line];
      return read.event === "stderr" && read.text ? [read.text] : [];
    })
    .filter((line) => line.trim())
    .map((line) => visible(line));

/** @param container The server's; undefined: it runs elsewhere. */
async function notUp(server: string, why: string, container: Docker.Container | undefined): Promise<NotUp> {
  if (!container) return new NotUp(server, why, undefined);
  // Ended first, so that nothing it still has to say is missing.
  await container.kill().catch((error: { statusCode?: number }) => {
    if (error.statusCode !== 409) throw error;
  });
  return new NotUp(server, why, ownWords(await logOf(container)).slice(-LOG_LINES));
}
