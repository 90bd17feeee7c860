import { lookup } from "node:dns/promises";
import type Docker from "dockerode";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { AUDIT_FOLDER } from "../../components/gateway/addresses.ts";
import type { Deployed } from "../status/deployed.ts";
import type { Status } from "../status/status.ts";
import type { Finding } from "./finding.ts";
import {
  type DockerNetwork,
  judgeAddresses,
  judgeDisk,
  judgeMtu,
  judgeName,
  judgeNatRules,
  type Published,
} from "./host.ts";
import type { HostFacts } from "./host-facts.ts";

interface OnHost {
  readonly deployed: Deployed;
  readonly status: Status;
  readonly facts: HostFacts | undefined;
  /** What was said of the host before. */
  readonly said: string;
  /** Containers of which it is known that they are not as they should be. */
  readonly known: ReadonlySet<string>;
  /** Directory of Docker's data. */
  readonly root: string;
}

/** Disk, addresses, firewall and name of the host. */
export async function ofHost(
  docker: Docker,
  { deployed, status, facts, said, known, root }: OnHost,
): Promise<Finding[]> {
  const { audit, toldUrl, networks } = deployed;
  const published = status.containers.flatMap(({ name, ports }) => ports.map((port) => publishedAt(name, port)));
  return [
    ...(audit && !known.has(audit.container) ? await disk(docker, audit, root) : []),
    ...(facts
      ? judgeAddresses(
          facts,
          published.filter(({ address }) => !said.includes(`${address} is no address`)),
        )
      : []),
    ...(facts ? judgeNatRules(facts, await networksOf(docker, networks), published) : []),
    ...(toldUrl === undefined ? [] : await name(new URL(toldUrl), published)),
  ];
}

function publishedAt(container: string, at: string): Published {
  const colon = at.lastIndexOf(":");
  return { container, address: at.slice(0, colon), port: Number(at.slice(colon + 1)) };
}

/** The disk that has Docker's volumes, as a container sees it. */
async function disk(
  docker: Docker,
  { container, volume }: { readonly container: string; readonly volume: string },
  root: string,
): Promise<Finding[]> {
  const look = `df -P ${AUDIT_FOLDER}; df -Pi ${AUDIT_FOLDER}; echo user $(id -u); test -w ${AUDIT_FOLDER} || echo not writable`;
  const { stdout } = await runInContainer(docker, container, ["sh", "-c", look]);
  return judgeDisk(stdout, root, volume);
}

async function name(url: URL, published: readonly Published[]): Promise<Finding[]> {
  const asked = lookup(url.hostname, { all: true, family: 4 });
  const addresses = await asked.then(
    (all) => all.map(({ address }) => address),
    (error: Error) => error,
  );
  return judgeName(url, addresses, published);
}

async function networksOf(docker: Docker, names: readonly string[]): Promise<DockerNetwork[]> {
  const networks = await docker.listNetworks();
  return networks
    .filter(({ Name }) => names.includes(Name))
    .map(({ Id, Name, IPAM, Internal }) => ({
      ...{ id: Id, name: Name, isInternal: Internal },
      subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
    }));
}

/** Packets that are too large are worth a word only where something does not answer in time. */
export async function withMtu(
  docker: Docker,
  found: readonly Finding[],
  facts: HostFacts | undefined,
  networks: readonly string[],
): Promise<Finding[]> {
  // A healthcheck asks within its own container.
  const isLate = found.some(({ seen }) =>
    /(?<!Health check exceeded )(?:timed? ?out|ETIMEDOUT|did not answer|handshake)/i.test(seen),
  );
  return [...found, ...(isLate && facts ? judgeMtu(facts, await networksOf(docker, networks)) : [])];
}
