import type Docker from "dockerode";
import type { Difference, Found } from "../recovery/on-daemon.ts";
import { removeIfLeftOver } from "../recovery/recover.ts";
import { type Lock, unlock } from "../recovery/stack-lock.ts";
import type { Finding, Mend } from "./finding.ts";

type LeftOverOf = Parameters<typeof removeIfLeftOver>[0];

/** A change that can be taken back where the container is; the rest takes another container, so an `up`. */
export function mendOf(docker: Docker, { kind, name, id, repair, is, network, aliases }: Difference): Mend | undefined {
  if (kind !== "container") return undefined;
  const container = docker.getContainer(id);
  if (repair === "unpause")
    return { does: `container ${name} goes on (unpause)`, container: name, run: () => container.unpause() };
  if (is === "is stopped")
    return { does: `container ${name} is started`, container: name, run: () => container.start() };
  if (!network) return undefined;
  return network.isOwn
    ? {
        does: `container ${name} is connected again: it was ${is.replace(/^is /, "")}`,
        container: name,
        run: () =>
          docker.getNetwork(network.id).connect({
            Container: id,
            EndpointConfig: { Aliases: [...(aliases[network.id] ?? [])] },
          }),
      }
    : {
        does: `container ${name} is disconnected: it was ${is.replace(/^is /, "").replace(/ as well$/, "")}`,
        container: name,
        run: () => docker.getNetwork(network.id).disconnect({ Container: id }),
      };
}

export const unlocking = (lock: Lock): Mend => ({
  does: `the lock of process ${lock.pid} is taken away`,
  run: () => unlock(lock),
});

/** Nothing can be in what was never written down: no container of it has come so far as to work. */
export const removal = (pulumi: LeftOverOf, docker: Docker, one: Found): Mend => ({
  does: `${one.kind} ${one.name}, which an interrupted run has left, is removed`,
  run: () => removeIfLeftOver(pulumi, docker, one),
});

/** Does what can be done without losing anything, one after the other, and says each; what fails is found again. */
export async function mendAll(
  found: readonly Finding[],
  say: (what: string, problem?: string) => void,
  isWell: (container: string) => Promise<void>,
): Promise<number> {
  const mends = found.flatMap(({ mend }) => mend ?? []);
  const containers = new Set<string>();
  for (const { does, container, run } of mends)
    await run().then(
      () => {
        say(does);
        if (container !== undefined) containers.add(container);
      },
      (error: Error) => say(does, error.message),
    );
  for (const container of containers)
    await isWell(container).catch((error: Error) => say(`container ${container} is healthy again`, error.message));
  return mends.length;
}
