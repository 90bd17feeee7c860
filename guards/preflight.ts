import type * as pulumi from "@pulumi/pulumi";
import type Docker from "dockerode";
import { hostAddresses } from "../components/docker/host-addresses.ts";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { networkMembers } from "../components/docker/network-members.ts";
import type { OwnIdentity } from "../components/stack-identity.ts";
import type { Settings } from "../settings/settings.ts";
import { backupProblem } from "./backup-version.ts";
import { type AddressPool, addressProblem } from "./address-pools.ts";
import { engineWarning, explainDocker } from "./docker-host.ts";
import { existingNetworkFindings, settingForUse } from "./existing-networks.ts";
import { existingPostgresFindings, passwordOf, wayToPostgres } from "./existing-postgres.ts";
import { type Found, isOfEarlierVersion, isOwn, namesOnDaemon, ownershipProblem } from "./ownership.ts";
import { addressProblems } from "./host-addresses.ts";
import { portProblem } from "./ports.ts";

const CONNECT_TIMEOUT_MS = 15_000;

/** Something about the host that would let `up` fail half-way; the message says what to do. */
export class PreflightError extends Error {
  override readonly name = "PreflightError";

  constructor(problems: readonly string[]) {
    const lines = problems.map((problem) => `  - ${problem.replace(/\n/g, "\n    ")}`);
    super(`the host is not ready, nothing was changed:\n${lines.join("\n")}`);
  }
}

/** What the program runs for. */
export interface Occasion {
  /** A destroy needs the way to Postgres, and nothing that is in the way of an `up`. */
  readonly isEnding: boolean;
}

/** The host takes the stack. */
export interface Ready {
  /** About what works all the same. */
  readonly warnings: readonly string[];
  /** With what only the host could say. */
  readonly settings: Settings;
}

/**
 * Looks at the real host before any resource is touched: Docker answers, what has our names is ours, networks that are
 * to be joined can be, ports are free, an existing Postgres lets us in. The provider would notice each of these late,
 * once per resource, or only after `waitTimeout`.
 *
 * @throws PreflightError with every problem found.
 */
export async function preflight(
  settings: Settings,
  own: OwnIdentity,
  secret: (name: string) => pulumi.Output<string>,
  { isEnding }: Occasion = { isEnding: false },
): Promise<Ready> {
  const docker = connectDocker(settings.docker);
  const answer = docker.listContainers({ all: true, abortSignal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  const containers = await answer.catch((error: Error) => {
    throw new PreflightError([explainDocker(settings.docker.host, error.message)]);
  });
  const [{ Version: engine }, info, networks, { Volumes: volumes }] = await Promise.all([
    docker.version(),
    docker.info() as Promise<HostInfo>,
    docker.listNetworks(),
    docker.listVolumes(),
  ]);
  const { DefaultAddressPools: pools, Name: host } = info;
  const found = [
    ...containers.flatMap(asFound),
    ...networks.map((network) => networkFound(network, containers)),
    ...volumes.map(volumeFound),
  ];
  // What a destroy that failed half-way has left is the stack's, although nothing of it is on the daemon any more.
  const isDeployed = isEnding || found.some((one) => isOwn(one, own) || isOfEarlierVersion(one));
  const { docker: endpoint, publishedPorts, postgres } = settings;
  const joined = await existingNetworkFindings(settings, networks, own, (network) =>
    networkMembers(docker, network, containers),
  );
  // That the network is missing was said.
  const isOnMissing =
    postgres.kind === "existing" && postgres.network && !networks.some(({ Name }) => Name === postgres.network?.name);
  const bridges = networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Gateway }) => Gateway ?? []));
  const strange = addressProblems(publishedPorts, await hostAddresses(endpoint, host), bridges);
  const [ports, ofPostgres] = await Promise.all([
    // Whoever answers at an address that is not the host's is another machine.
    Promise.all(strange.length ? [] : publishedPorts.map((port) => portProblem(endpoint, port, containers))),
    postgres.kind === "existing" && !isOnMissing
      ? existingPostgresFindings(
          postgres,
          await wayToPostgres(postgres, { docker, endpoint, containers, networks }),
          () => passwordOf(postgres, secret),
          isDeployed,
          settings.monitoring?.spend !== undefined,
        )
      : undefined,
  ]);
  const missing = namesOnDaemon(settings).network.filter((name) => !networks.some(({ Name }) => Name === name));
  const taken = networks.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []));
  const addresses = addressProblem({ engine, pools, taken }, missing);
  const backup = await backupProblem(docker, settings, ofPostgres?.version);
  const inTheWay = [
    ...foreign(found, settings, own),
    ...(addresses === undefined ? [] : [addresses]),
    ...joined.problems,
    ...strange,
    ...ports.filter((problem) => problem !== undefined),
    ...(backup === undefined ? [] : [backup]),
  ];
  const problems = [...(isEnding ? [] : inTheWay), ...(ofPostgres?.problems ?? [])];
  if (problems.length) throw new PreflightError(problems);
  const warnings = [engineWarning(engine), ...joined.warnings, ...(ofPostgres?.warnings ?? [])];
  return {
    warnings: warnings.filter((warning) => warning !== undefined),
    settings: {
      ...settings,
      ...(postgres.kind === "existing" && ofPostgres && { postgres: { ...postgres, sslmode: ofPostgres.sslmode } }),
      ...withDockerRoot(settings, info),
    },
  };
}

interface HostInfo {
  readonly DefaultAddressPools?: readonly AddressPool[];
  readonly Name: string;
  readonly DockerRootDir: string;
}

/** The collector reads what Docker writes there. */
const withDockerRoot = ({ monitoring }: Settings, { DockerRootDir }: HostInfo): Partial<Settings> =>
  monitoring?.logs ? { monitoring: { ...monitoring, logs: { ...monitoring.logs, dockerRoot: DockerRootDir } } } : {};

const asFound = ({ Names, Labels, Created, Image, State, NetworkSettings }: Docker.ContainerInfo): Found[] =>
  Names.map((name) => ({
    kind: "container",
    name: name.slice(1),
    labels: Labels,
    created: new Date(Created * 1000),
    image: Image,
    state: State,
    networks: Object.keys(NetworkSettings?.Networks ?? {}),
  }));

const networkFound = (
  { Name, Labels, Created }: Docker.NetworkInspectInfo,
  containers: readonly Docker.ContainerInfo[],
): Found => ({
  kind: "network",
  name: Name,
  labels: Labels ?? {},
  created: new Date(Created),
  users: containers
    .filter(({ NetworkSettings }) => Name in (NetworkSettings?.Networks ?? {}))
    .flatMap(({ Names }) => Names.slice(0, 1).map((name) => name.slice(1)))
    .sort(),
});

const volumeFound = (volume: Docker.VolumeInspectInfo): Found => {
  // Docker gives the time; dockerode's type of a listed volume leaves it out.
  const { CreatedAt } = volume as typeof volume & { readonly CreatedAt: string };
  return { kind: "volume", name: volume.Name, labels: volume.Labels ?? {}, created: new Date(CreatedAt) };
};

/** What has a name of the stack and is not the stack's. */
function foreign(found: readonly Found[], settings: Settings, own: OwnIdentity): string[] {
  const names = namesOnDaemon(settings);
  return found
    .filter(({ kind, name }) => names[kind].includes(name))
    .flatMap((one) => ownershipProblem(one, own, settingForUse(settings, one)) ?? []);
}
