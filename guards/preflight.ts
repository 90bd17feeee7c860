import type * as pulumi from "@pulumi/pulumi";
import type Docker from "dockerode";
import { connectDocker } from "../components/docker/docker-connection.ts";
import type { OwnIdentity } from "../components/stack-identity.ts";
import type { Settings } from "../settings/settings.ts";
import { engineWarning, explainDocker } from "./docker-host.ts";
import { postgresProblem } from "./existing-postgres.ts";
import { type Found, namesOnDaemon, ownershipProblem } from "./ownership.ts";
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

/**
 * Looks at the real host before any resource is touched: Docker answers, what has our names is ours, ports are free, an
 * existing Postgres lets us in. The provider would notice each of these late, once per resource, or only after
 * `waitTimeout`.
 *
 * @returns Warnings about what works all the same.
 * @throws PreflightError with every problem found.
 */
export async function preflight(
  settings: Settings,
  own: OwnIdentity,
  secret: (name: string) => pulumi.Output<string>,
): Promise<readonly string[]> {
  const docker = connectDocker(settings.docker);
  const answer = docker.listContainers({ all: true, abortSignal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  const containers = await answer.catch((error: Error) => {
    throw new PreflightError([explainDocker(settings.docker.host, error.message)]);
  });
  const [{ Version: engine }, others] = await Promise.all([docker.version(), networksAndVolumes(docker)]);
  const { docker: endpoint, publishedPorts, postgres } = settings;
  const problems = await Promise.all([
    ...publishedPorts.map((port) => portProblem(endpoint, port, containers)),
    postgres.kind === "existing" ? postgresProblem(postgres, secret) : undefined,
  ]);
  const found = [
    ...foreign([...containers.flatMap(asFound), ...others], settings, own),
    ...problems.filter((problem) => problem !== undefined),
  ];
  if (found.length) throw new PreflightError(found);
  return [engineWarning(engine)].filter((warning) => warning !== undefined);
}

const asFound = ({ Names, Labels: labels, Created, Image: image }: Docker.ContainerInfo): Found[] =>
  Names.map((name) => ({ kind: "container", name: name.slice(1), labels, created: new Date(Created * 1000), image }));

async function networksAndVolumes(docker: Docker): Promise<Found[]> {
  const [networks, { Volumes: volumes }] = await Promise.all([docker.listNetworks(), docker.listVolumes()]);
  return [
    ...networks.map(({ Name, Labels, Created }): Found => ({
      kind: "network",
      name: Name,
      labels: Labels ?? {},
      created: new Date(Created),
    })),
    ...volumes.map((volume): Found => {
      // Docker gives the time; dockerode's type of a listed volume leaves it out.
      const { CreatedAt } = volume as typeof volume & { readonly CreatedAt: string };
      return { kind: "volume", name: volume.Name, labels: volume.Labels ?? {}, created: new Date(CreatedAt) };
    }),
  ];
}

/** What has a name of the stack and is not the stack's. */
function foreign(found: readonly Found[], settings: Settings, own: OwnIdentity): string[] {
  const names = namesOnDaemon(settings);
  return found
    .filter(({ kind, name }) => names[kind].includes(name))
    .flatMap((one) => ownershipProblem(one, own) ?? []);
}
