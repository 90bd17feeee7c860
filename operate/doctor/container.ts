import type Docker from "dockerode";
import { containerLogTail } from "../../components/docker/docker-connection.ts";
import { gone } from "../../components/docker/gone.ts";
import { AWAY, LOGGED, matching, NOT_STARTED, type Words } from "./container-words.ts";
import type { Finding } from "./finding.ts";

const LOG_LINES = 60;
/** Of the log of a program that has ended, as many as a finding shows. */
const LAST_LINES = 5;
/** So often within one life it has not ended by chance. */
const MANY_RESTARTS = 3;

/** What `docker inspect` says of a container; only what is read here. */
export interface Inspected {
  readonly State: {
    readonly Status: string;
    readonly OOMKilled: boolean;
    readonly ExitCode: number;
    /** Why Docker could not start it; empty where it could. */
    readonly Error: string;
    readonly Health?: { readonly Status: string; readonly Log: readonly { readonly Output: string }[] | null };
  };
  readonly HostConfig: { readonly Memory?: number };
  readonly RestartCount: number;
}

/** What else is known of a container. */
export interface Known {
  readonly log: string;
  /** Whether a process of it was stopped by a signal, which only another signal undoes. */
  readonly isHalted?: boolean;
  /** Who listens on a port of the host; undefined where nobody says. */
  readonly holderOf?: (address: string, port: number) => string | undefined;
}

/** What the healthcheck of an adapter prints; undefined for any other. */
function adapterSays(output: string): { readonly state: string; readonly reason: string } | undefined {
  try {
    const { state, reason } = JSON.parse(output) as Record<string, unknown>;
    return typeof state === "string" && typeof reason === "string" ? { state, reason } : undefined;
  } catch {
    return undefined;
  }
}

/** It runs, and is healthy where it can say so. */
export const isWell = ({ State: { Status, Health } }: Pick<Inspected, "State">): boolean =>
  Status === "running" && (!Health || ["healthy", "none"].includes(Health.Status));

/** What a container's state, healthcheck and log say, or undefined when there is nothing wrong with it. */
export function judge(name: string, inspected: Inspected, known: Known): Finding | undefined {
  const { State, RestartCount } = inspected;
  const { Status: status, Health } = State;
  if (isWell(inspected) && RestartCount < MANY_RESTARTS && !known.isHalted) return undefined;
  const health = Health?.Log?.at(-1)?.Output.trim();
  const hasEnded = ["exited", "dead", "restarting", "created"].includes(status);
  const seen = [
    `container ${name} is ${status}${Health && status === "running" ? ` and ${Health.Status}` : ""}`,
    ...(RestartCount ? [`was started again ${RestartCount} times`] : []),
    ...(hasEnded && !State.Error ? [`ended with exit code ${State.ExitCode}`] : []),
    ...(State.Error ? [`Docker could not start it: ${State.Error}`] : []),
    ...(health && !hasEnded && (Health?.Status === "unhealthy" || adapterSays(health))
      ? [`says ${health.slice(0, 300)}`]
      : []),
  ].join(", ");
  const words = meaning(name, inspected, known);
  const last = hasEnded && !State.Error ? known.log.trim().split("\n").slice(-LAST_LINES).join("\n") : "";
  return { seen: last ? `${seen}\n${last}` : seen, ...words };
}

function meaning(name: string, { State, HostConfig, RestartCount }: Inspected, known: Known): Omit<Finding, "seen"> {
  const { Status: status, Health } = State;
  const said = (words: Words | undefined, before = "") =>
    words && { means: `${before}${words[0]}`, fix: words[1].replace("SERVER", name) };
  if (known.isHalted)
    return {
      means: "a process of it was stopped by a signal (SIGSTOP): it runs, holds its port and answers nobody",
      fix: `docker restart ${name}`,
    };
  if (State.Error) {
    const taken = takenPort(State.Error);
    if (taken) return portTaken(taken, known);
    return (
      said(matching(NOT_STARTED, State.Error)) ?? {
        means: "it cannot run on this host",
        fix: `docker start ${name}, then npm run up`,
      }
    );
  }
  if (State.OOMKilled)
    return {
      means: `it needed more memory than its ${Math.round((HostConfig.Memory ?? 0) / 2 ** 20)} MiB`,
      fix: "raise limits.memory of the server (gateway.memory of LiteLLM), then npm run up",
    };
  const health = Health?.Log?.at(-1)?.Output.trim() ?? "";
  const adapter = status === "running" && Health?.Status === "healthy" ? undefined : adapterSays(health);
  return (
    said(matching(LOGGED, known.log), "its log says that ") ??
    said(adapter && matching(AWAY, adapter.reason)) ??
    (status === "running" && Health?.Status === "starting" && RestartCount < MANY_RESTARTS
      ? { means: "it has not been healthy yet since it started", fix: "look again in a minute" }
      : undefined) ??
    (status === "running" && /^Health check exceeded timeout/.test(health)
      ? {
          means: "it did not answer its healthcheck in time: it hangs, or the host has more to do than it can",
          fix: `uptime on the host; if that is low: docker restart ${name}`,
        }
      : undefined) ??
    (RestartCount >= MANY_RESTARTS || status === "restarting"
      ? {
          means: "its program ends again and again, and Docker starts it again",
          fix: `what it says before: docker logs --tail 50 ${name}`,
        }
      : {
          means: "it runs, and does not do what its healthcheck asks",
          fix: `its log: docker logs --tail 50 ${name}; then npm run up`,
        })
  );
}

/** The address of the host at which a container could not publish a port. */
function takenPort(error: string): { readonly address: string; readonly port: number } | undefined {
  const found =
    /listen tcp\d? (\S+):(\d+): bind: address already in use/.exec(error) ??
    /Bind for (\S+):(\d+) failed: port is already allocated/.exec(error) ??
    /failed to bind host port (?:for )?(\S+?):(\d+).*address already in use/.exec(error);
  return found ? { address: found[1]!, port: Number(found[2]) } : undefined;
}

function portTaken(
  { address, port }: { readonly address: string; readonly port: number },
  { holderOf = () => undefined }: Known,
): Omit<Finding, "seen"> {
  const holder = holderOf(address, port);
  // A container that has it would be known by its name; Docker has forgotten this one's.
  if (holder?.startsWith("docker-proxy "))
    return {
      means: `Docker's own proxy (${holder}) still has port ${port}, for a container that is gone or another one`,
      fix: `docker ps --filter publish=${port} on the host; if that shows none: sudo systemctl restart docker`,
    };
  return {
    means: `${holder ?? "another program"} has port ${port} on ${address}`,
    fix: holder
      ? "end it, then npm run up"
      : `on the host, sudo ss -ltnp 'sport = :${port}' says who has it; end it, then npm run up`,
  };
}

/** Looks at a container; one that is missing was found before. */
export async function examine(
  docker: Docker,
  name: string,
  known: Pick<Known, "holderOf">,
): Promise<Finding | undefined> {
  let found: Finding | undefined;
  const looked = (async () => {
    const container = docker.getContainer(name);
    const inspected = (await container.inspect()) as unknown as Inspected;
    const isHalted = inspected.State.Status === "running" && (await hasHalted(container));
    const judged = judge(name, inspected, { ...known, isHalted, log: await containerLogTail(docker, name, LOG_LINES) });
    found =
      judged && isHalted
        ? {
            ...judged,
            // Docker gives a container that it has sent any signal by itself no restart any more, so none is sent.
            mend: { does: `container ${name} is restarted`, container: name, run: () => container.restart() },
          }
        : judged;
  })();
  await gone(looked);
  return found;
}

/** Whether a process of it does not go on. */
async function hasHalted(container: Docker.Container): Promise<boolean> {
  const { Titles, Processes } = (await container.top({ ps_args: "-eo pid,stat,args" })) as {
    readonly Titles: readonly string[];
    readonly Processes: readonly (readonly string[])[];
  };
  return haltedOf(Titles, Processes).length > 0;
}

/** The commands of processes that a signal has stopped, as `docker top` shows them. */
export function haltedOf(titles: readonly string[], processes: readonly (readonly string[])[]): string[] {
  const [stat, command] = [titles.indexOf("STAT"), titles.findIndex((title) => /^(?:COMMAND|CMD)$/.test(title))];
  return processes.filter((process) => process[stat]?.startsWith("T")).map((process) => process[command] ?? "");
}
