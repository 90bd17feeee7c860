import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../settings/settings.ts";

export const projectLabel = { label: "project", value: "litellm" } as const;

/** The ports that a container publishes, all of them from `internal`. */
export const portsOf = ({ publishedPorts }: Pick<Settings, "publishedPorts">, container: string, internal: number) =>
  publishedPorts
    .filter((published) => published.container === container)
    .map(({ address, port }) => ({ ip: address, external: port, internal }));

/** A Docker healthcheck in seconds. */
export interface Health {
  readonly test: readonly string[];
  readonly intervalSeconds: number;
  readonly timeoutSeconds: number;
  readonly retries: number;
  /** Failures before this many seconds do not count. */
  readonly startPeriodSeconds: number;
}

export interface ServiceContainerArgs {
  /** Full container name on the daemon. */
  readonly containerName: string;
  readonly image: pulumi.Input<string>;
  /** Instead of the image's own. */
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** The only place for secrets: Docker shows them in `docker inspect`, Pulumi keeps the whole list encrypted. */
  readonly env: Readonly<Record<string, pulumi.Input<string>>>;
  readonly networks: readonly { readonly id: pulumi.Input<string>; readonly aliases: readonly string[] }[];
  /** Published ports, from `portsOf`; `ip` is the host's LAN address or its loopback, never 0.0.0.0. */
  readonly ports?: readonly { readonly ip: string; readonly external: number; readonly internal: number }[];
  readonly uploads?: readonly { readonly file: string; readonly content: string }[];
  readonly volumes?: readonly docker.types.input.ContainerVolume[];
  /**
   * Linux capabilities kept; everything else is dropped. Only names with `CAP_`: the daemon adds it to others, which
   * every preview would show as a change.
   */
  readonly capabilities?: readonly `CAP_${string}`[];
  readonly user?: string;
  /**
   * Most processes and threads that the container's user may have. The provider cannot set Docker's pids limit, so this
   * is RLIMIT_NPROC: it counts the user's processes in all containers, so each container needs a user of its own, and
   * it does not bind root.
   */
  readonly processes?: number;
  /** The root file system is read-only, and `/tmp` holds this many MiB. */
  readonly writableTmpMiB?: number;
  /** Weight against other containers when all processors are busy; 1024 when left out. */
  readonly cpuShares?: number;
  /** MiB; swap is not added to it. */
  readonly memoryMiB: number;
  /** How long it may take to end in order; Docker's own 10 s when left out. */
  readonly stopSeconds?: number;
  /** Undefined: only the gateway check finds out whether the container works. */
  readonly health: Health | undefined;
}

const DOCKERS_STOP_SECONDS = 10;

/**
 * An option of each container: the next one has its name. The provider sees to it when it finds a difference itself, and
 * not when somebody else asks for another container (`--replace`, `replaceWith`).
 */
export const OLD_ONE_FIRST = { deleteBeforeReplace: true } as const;

/**
 * What every container of this project has: restart policy, capped JSON logs, labels, no capabilities, no new
 * privileges, bounded memory, an init process, and a healthcheck.
 */
export function serviceContainer(args: ServiceContainerArgs): docker.ContainerArgs {
  return {
    name: args.containerName,
    image: args.image,
    ...(args.entrypoint && { entrypoints: [...args.entrypoint] }),
    ...(args.command && { command: [...args.command] }),
    envs: pulumi.all(args.env).apply((env) =>
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    ),
    networksAdvanced: args.networks.map(({ id, aliases }) => ({ name: id, aliases: [...aliases] })),
    // The provider reads ports back sorted; another order would be a difference at every preview.
    ...(args.ports?.length && { ports: [...args.ports].sort((a, b) => a.internal - b.internal) }),
    ...(args.uploads && { uploads: [...args.uploads] }),
    ...(args.volumes && { volumes: [...args.volumes] }),
    ...(args.user && { user: args.user }),
    ...(args.processes && { ulimits: [{ name: "nproc", soft: args.processes, hard: args.processes }] }),
    ...(args.writableTmpMiB && { readOnly: true, tmpfs: { "/tmp": `size=${args.writableTmpMiB}m,mode=1777` } }),
    // Not "unless-stopped": a daemon that is itself stopped (an update, a reboot) kills what has not ended in time, and Docker
    // 20.10 takes that for somebody's wish, so that it leaves the container stopped for ever.
    restart: "always",
    init: true,
    capabilities: { drops: ["ALL"], ...(args.capabilities && { adds: [...args.capabilities].sort() }) },
    securityOpts: ["no-new-privileges:true"],
    memory: args.memoryMiB,
    ...(args.cpuShares && { cpuShares: args.cpuShares }),
    // For Pulumi, which would kill it: an adapter ends its calls with a text, and a stream that breaks off in the middle of a call
    // makes LiteLLM lock itself up, so that all others wait for a minute.
    destroyGraceSeconds: args.stopSeconds ?? DOCKERS_STOP_SECONDS,
    // For `docker stop`, and for a daemon that is itself stopped.
    ...(args.stopSeconds && { stopTimeout: args.stopSeconds }),
    // Left out, the daemon stores twice the memory and every preview shows a change.
    memorySwap: args.memoryMiB,
    logDriver: "json-file",
    logOpts: { "max-size": "20m", "max-file": "5" },
    labels: [{ label: "logging", value: "enabled" }, projectLabel],
    ...(args.health && { healthcheck: healthcheck(args.health) }),
  };
}

function healthcheck({ test, intervalSeconds, timeoutSeconds, retries, startPeriodSeconds }: Health) {
  return {
    tests: [...test],
    interval: goDuration(intervalSeconds),
    timeout: goDuration(timeoutSeconds),
    startPeriod: goDuration(startPeriodSeconds),
    retries,
  };
}

/**
 * Seconds as Go prints a duration ("1m30s"); the daemon answers in that form and "90s" would differ at every preview.
 */
export function goDuration(seconds: number): string {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60];
  if (hours) return `${hours}h${minutes}m${rest}s`;
  return minutes ? `${minutes}m${rest}s` : `${rest}s`;
}
