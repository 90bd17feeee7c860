import type Docker from "dockerode";
import pMap from "p-map";
import { QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { describe, type Difference, type Found } from "../recovery/on-daemon.ts";
import { examine } from "./container.ts";
import type { Finding } from "./finding.ts";
import { holderOf, type HostFacts } from "./host-facts.ts";
import { mendOf } from "./mends.ts";

interface OnDaemon {
  readonly changed: readonly Difference[];
  /** What the state does not know. */
  readonly left: readonly Found[];
  readonly facts: HostFacts | undefined;
  readonly up: string;
  /** What `--fix` does about something that is left; undefined where somebody may be making it at this moment. */
  readonly removal: ((one: Found) => Finding["mend"]) | undefined;
}

/** What somebody, or a run that was interrupted, has left on the daemon otherwise than the state has it. */
export async function ofDaemon(docker: Docker, { changed, left, facts, up, removal }: OnDaemon): Promise<Finding[]> {
  const isSame = (one: Pick<Found, "name"> & { readonly kind: string }, other: typeof one) =>
    one.kind === other.kind && one.name === other.name;
  const isRenewed = (one: Difference) => one.is === "is missing" && left.some((other) => isSame(one, other));
  const renewed = changed.filter(isRenewed);
  const others = changed.filter((one) => !isRenewed(one));
  return [
    ...renewed.map((one) => ({
      seen: `${describe([one])} is another one than the state knows`,
      means: "somebody has made it anew by hand (docker, Portainer), or an npm run up was interrupted as it did",
      fix: `${up} makes it again as the settings have it`,
    })),
    ...(await pMap(others, (one) => ofDifference(docker, one, facts, up), { concurrency: QUESTIONS_AT_ONCE })),
    ...left
      .filter((one) => !renewed.some((other) => isSame(one, other)))
      .map((one) => {
        const mend = removal?.(one);
        return {
          seen: `${describe([one])} is there and the state does not know it`,
          means: "an npm run up was interrupted as it was made",
          fix: `${up} removes it, and completes what is missing`,
          ...(mend && { mend }),
        };
      }),
  ];
}

/** Something that somebody has changed; a container that could not be started says itself why. */
async function ofDifference(
  docker: Docker,
  one: Difference,
  facts: HostFacts | undefined,
  up: string,
): Promise<Finding> {
  const mend = mendOf(docker, one);
  const changed: Finding = {
    seen: `${describe([one])} ${one.is}`,
    means:
      one.kind === "image"
        ? "somebody has removed it (docker image prune, docker system prune): no container can be made of it again"
        : "somebody has changed it since the last npm run up",
    fix: one.kind === "image" ? `${up} builds or pulls it again` : up,
    ...(mend && { mend }),
  };
  if (one.is !== "is stopped") return changed;
  const failed = await examine(docker, one.name, { holderOf: (...at) => holderOf(facts, ...at) });
  return failed?.seen.includes("Docker could not start it") ? { ...failed, ...(mend && { mend }) } : changed;
}
