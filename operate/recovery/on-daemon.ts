import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { extract } from "tar-stream";
import { gone, known } from "../../components/docker/gone.ts";
import { KEPT_FOR_LABEL, STACK_LABEL } from "../../components/stack-identity.ts";
import type { Deployed, OnRecord } from "./on-record.ts";

/** Something of this stack on the daemon. */
export interface Found {
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
  /** Of a container: running, paused, exited, … */
  readonly state?: string;
  /** Of a container: the networks that it is on, ids by names. */
  readonly networks?: ReadonlyMap<string, string>;
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
    ...containers.filter(isOwn).map(({ Id, Names, State, NetworkSettings }): Found => ({
      ...{ kind: "container", id: Id, name: Names[0]?.slice(1) ?? Id },
      state: State,
      networks: new Map(
        Object.entries(NetworkSettings?.Networks ?? {}).map(([name, { NetworkID }]) => [name, NetworkID]),
      ),
    })),
    ...networks.filter(isOwn).map(({ Id, Name }): Found => ({ kind: "network", id: Id, name: Name })),
    ...volumes.filter(isOwn).map(({ Name }): Found => ({ kind: "volume", id: Name, name: Name })),
  ];
}

/** How something differs from what the state says of it. */
export interface Difference extends Deployed {
  /** As a sentence about it goes on. */
  readonly is: string;
  /** What brings it back: Pulumi sees by a refresh that it is gone or stopped, and of the rest nothing. */
  readonly repair: "unpause" | "refresh" | "replace";
  /** Of a container that runs and is off a network of its own, or on one of others: that network. */
  readonly network?: { readonly id: string; readonly isOwn: boolean };
}

/** Everything on the daemon that somebody has changed since the last `up`, as far as it is told without a refresh. */
export async function allDifferences(
  docker: Docker,
  record: Pick<OnRecord, "deployed" | "images">,
  found: readonly Found[],
): Promise<Difference[]> {
  const there = record.deployed.filter(({ id }) => found.some((one) => one.id === id));
  const missing = await missingImages(docker, record.images);
  return [...missing, ...differences(record, found), ...(await editedFiles(docker, there))];
}

/** Containers and networks that somebody has stopped, paused, removed or put on other networks since the last `up`. */
export function differences({ deployed }: Pick<OnRecord, "deployed">, found: readonly Found[]): Difference[] {
  const all = new Map(found.map((one) => [one.id, one]));
  return deployed.flatMap((one): Difference[] => {
    const there = all.get(one.id);
    if (!there) return [{ ...one, is: "is missing", repair: "refresh" }];
    if (there.state === "paused") return [{ ...one, is: "is paused", repair: "unpause" }];
    // One that is being restarted comes up, or the gateway check says why it does not.
    if (there.state !== undefined && !["running", "restarting"].includes(there.state))
      return [{ ...one, is: "is stopped", repair: "refresh" }];
    // A network that is missing is named itself, and takes its containers with it when it is made again.
    const networks = one.networks.filter((id) => all.has(id) || !deployed.some((network) => network.id === id));
    return otherNetworks({ ...one, networks }, there, deployed).map((other) => ({
      ...one,
      ...other,
      repair: "replace",
    }));
  });
}

function otherNetworks(
  one: Deployed,
  { networks = new Map() }: Found,
  deployed: readonly Deployed[],
): Required<Pick<Difference, "is" | "network">>[] {
  const ids = [...networks.values()];
  const nameOf = (network: string) => deployed.find(({ id }) => id === network)?.name ?? network;
  return [
    ...one.networks
      .filter((id) => !ids.includes(id))
      .map((id) => ({ is: `is off network ${nameOf(id)}`, network: { id, isOwn: true } })),
    ...[...networks]
      .filter(([, id]) => !one.networks.includes(id))
      .map(([name, id]) => ({ is: `is on network ${name} as well`, network: { id, isOwn: false } })),
  ];
}

/** Images that are on the daemon no more, of which no container can be made. */
async function missingImages(docker: Docker, images: readonly Deployed[]): Promise<Difference[]> {
  if (!images.length) return [];
  // With those that have lost their names.
  const there = new Set((await docker.listImages({ all: true })).map(({ Id }) => Id));
  return images.filter(({ id }) => !there.has(id)).map((one) => ({ ...one, is: "is missing", repair: "refresh" }));
}

/** Files in containers, which are there, that are not as they were put there. */
async function editedFiles(docker: Docker, deployed: readonly Deployed[]): Promise<Difference[]> {
  const edited = deployed.flatMap((one) =>
    one.files.map(async ({ path, content }): Promise<Difference[]> => {
      const found = await fileIn(docker, one.id, path);
      return found === content ? [] : [{ ...one, is: `has another ${path} than it was given`, repair: "replace" }];
    }),
  );
  return (await Promise.all(edited)).flat();
}

/** Undefined where there is none. */
async function fileIn(docker: Docker, container: string, path: string): Promise<string | undefined> {
  const archive = await known(docker.getContainer(container).getArchive({ path }));
  if (!archive) return undefined;
  let content: string | undefined;
  // To the end: a connection that is left in the middle keeps the process alive.
  for await (const entry of archive.pipe(extract())) content = await text(entry);
  return content;
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

export const describe = (found: readonly Pick<Deployed | Found, "kind" | "name">[]): string =>
  found.map(({ kind, name }) => `${kind} ${name}`).join(", ");
