import type Docker from "dockerode";
import { known } from "./gone.ts";

/** A container on a network, running or not. */
export interface NetworkMember {
  readonly name: string;
  /** All names that lead to it on that network. */
  readonly names: readonly string[];
  /** running, exited, … */
  readonly state: string;
  /** Its address there; empty while it does not run. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * The containers on a network. Lists of containers do not have their aliases, so each is looked at.
 *
 * @param containers Every container on the daemon.
 */
export async function networkMembers(
  docker: Docker,
  network: string,
  containers: readonly Docker.ContainerInfo[],
): Promise<NetworkMember[]> {
  const onIt = containers.filter(({ NetworkSettings }) => network in (NetworkSettings?.Networks ?? {}));
  const members = await Promise.all(
    // It may have gone since the list was made.
    onIt.map(({ Id }) => known(docker.getContainer(Id).inspect())),
  );
  return members.flatMap((inspected) => {
    const endpoint = inspected?.NetworkSettings.Networks[network];
    if (!inspected || !endpoint) return [];
    const name = inspected.Name.slice(1);
    // DNSNames are what Docker answers to since 25; before, the container's name and its aliases.
    const { Aliases, DNSNames } = endpoint as { Aliases?: string[] | null; DNSNames?: string[] | null };
    const names = [...new Set([name, ...(Aliases ?? []), ...(DNSNames ?? [])])];
    return [
      { name, names, state: inspected.State.Status, address: endpoint.IPAddress, labels: inspected.Config.Labels },
    ];
  });
}
