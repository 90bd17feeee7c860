import type Docker from "dockerode";
import { gone } from "../../components/docker/gone.ts";
import { KEPT_FOR_LABEL, STACK_LABEL } from "../../components/stack-identity.ts";
import type { Deployed, OnRecord } from "./on-record.ts";

/** Something of this stack on the daemon. */
export interface Found {
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
  /** Of a container: running, paused, exited, … */
  readonly state?: string;
}

/** All that has the stack's own label, without volumes that are kept when it is destroyed. */
export async function ofStack(docker: Docker, stackId: string): Promise<Found[]> {
  const filters = { label: [STACK_LABEL] };
  const isOwn = ({ Labels = {} }: { Labels?: Record<string, string> | undefined }) =>
    Labels[STACK_LABEL]?.split("/")[2] === stackId && Labels[KEPT_FOR_LABEL] === undefined;
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
  ]);
  return [
    ...containers.filter(isOwn).map(({ Id, Names, State }): Found => ({
      ...{ kind: "container", id: Id, name: Names[0]?.slice(1) ?? Id },
      state: State,
    })),
    ...networks.filter(isOwn).map(({ Id, Name }): Found => ({ kind: "network", id: Id, name: Name })),
    ...volumes.filter(isOwn).map(({ Name }): Found => ({ kind: "volume", id: Name, name: Name })),
  ];
}

/** How something differs from what the state says of it. */
export interface Difference extends Deployed {
  readonly is: "missing" | "paused" | "stopped";
}

/** Containers and networks that somebody has stopped, paused or removed since the last `up`. */
export function differences({ deployed }: Pick<OnRecord, "deployed">, found: readonly Found[]): Difference[] {
  const states = new Map(found.map(({ id, state }) => [id, state]));
  return deployed.flatMap((one): Difference[] => {
    if (!states.has(one.id)) return [{ ...one, is: "missing" }];
    const state = states.get(one.id);
    if (state === "paused") return [{ ...one, is: "paused" }];
    // One that is being restarted comes up, or the gateway check says why it does not.
    return state === undefined || ["running", "restarting"].includes(state) ? [] : [{ ...one, is: "stopped" }];
  });
}

/** What a run has made and was ended before it could write it down. Of volumes the next run takes what is there. */
export const unrecorded = ({ known }: Pick<OnRecord, "known">, found: readonly Found[]): Found[] =>
  found.filter(({ kind, id }) => kind !== "volume" && !known.has(id));

/** Removes from the daemon; containers first, since a network goes only when nobody is on it. */
export async function remove(docker: Docker, found: readonly Found[]): Promise<void> {
  for (const { id } of found.filter(({ kind }) => kind === "container"))
    await gone(docker.getContainer(id).remove({ force: true, v: true }));
  for (const { id } of found.filter(({ kind }) => kind === "network")) await gone(docker.getNetwork(id).remove());
  for (const { id } of found.filter(({ kind }) => kind === "volume")) await gone(docker.getVolume(id).remove());
}

export const describe = (found: readonly Pick<Found, "kind" | "name">[]): string =>
  found.map(({ kind, name }) => `${kind} ${name}`).join(", ");
