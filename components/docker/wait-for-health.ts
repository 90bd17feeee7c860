import { connectDocker, containerLogTail } from "./docker-connection.ts";
import type { ContainerHealthInputs } from "./container-health.ts";

const LOG_LINES = 20;
/** A start may fail once, for instance while the database comes up; after this many the container is in a loop. */
const MOST_STARTS = 3;

interface State {
  readonly Running: boolean;
  readonly ExitCode: number;
  readonly Health?: {
    readonly Status: string;
    readonly FailingStreak: number;
    readonly Log: readonly { readonly Output: string }[] | null;
  };
}

/** "ready", "waiting", or what is wrong. */
export function judgeState(
  { Running, ExitCode, Health }: State,
  restarts: number,
): "ready" | "waiting" | { readonly problem: string } {
  if (restarts >= MOST_STARTS) return { problem: `ends again and again, last with exit code ${ExitCode}` };
  if (!Running) return "waiting";
  if (!Health || Health.Status === "healthy") return "ready";
  const adapter = adapterSays(Health.Log?.at(-1)?.Output ?? "");
  if (adapter && adapter.restarts >= MOST_STARTS && /^it (ended|was ended|cannot be started)\b/.test(adapter.reason))
    return { problem: `runs, but its MCP server ends again and again: ${adapter.reason}` };
  // One in a container of its own may still be starting; how long it may take is for that container's healthcheck to say.
  if (adapter && /^it cannot be reached: ECONNREFUSED\b/.test(adapter.reason)) return "waiting";
  // A container that stops is called unhealthy too, with no failed check; it may come up at its next start.
  if (Health.Status === "unhealthy" && Health.FailingStreak > 0)
    return { problem: `runs, but its healthcheck fails: ${Health.Log?.at(-1)?.Output.trim() ?? "no output"}` };
  return "waiting";
}

/** What the healthcheck of an adapter prints, which starts its server again by itself; undefined for any other. */
function adapterSays(output: string): { readonly restarts: number; readonly reason: string } | undefined {
  try {
    const { state, restarts, reason } = JSON.parse(output) as Record<string, unknown>;
    if (state === "away" && typeof restarts === "number" && typeof reason === "string") return { restarts, reason };
  } catch {
    // Not JSON, so not an adapter's.
  }
  return undefined;
}

/** Waits until a container is healthy, or is seen not to become so. */
export async function waitForHealth({
  docker: endpoint,
  container,
  withinSeconds,
}: Pick<ContainerHealthInputs, "docker" | "container" | "withinSeconds">): Promise<void> {
  const docker = connectDocker(endpoint);
  const fail = async (problem: string): Promise<never> => {
    const log = await containerLogTail(docker, container, LOG_LINES).catch(
      (error: Error) => `(log not readable: ${error.message})`,
    );
    throw new Error(`container ${container} ${problem}\n  last lines of its log:\n${log.replace(/^/gm, "    ")}`);
  };
  // Events are subscribed to before the first look, so that nothing between the two is missed. Asking in a loop instead
  // would open a connection for each question over ssh.
  const giveUp = AbortSignal.timeout(withinSeconds * 1000);
  const events = await docker.getEvents({
    filters: { type: ["container"], container: [container] },
    abortSignal: giveUp,
  });
  try {
    const changes = events[Symbol.asyncIterator]();
    for (;;) {
      const { State: state, RestartCount: restarts } = await docker.getContainer(container).inspect();
      const verdict = judgeState(state as State, restarts);
      if (verdict === "ready") return;
      if (verdict !== "waiting") return await fail(verdict.problem);
      if ((await changes.next()).done)
        throw new Error(`Docker ended its stream of events while ${container} was starting`);
    }
  } catch (error) {
    if (giveUp.aborted) await fail(`is not healthy after ${withinSeconds} s`);
    throw error;
  } finally {
    (events as NodeJS.ReadableStream & { destroy(): void }).destroy();
  }
}
