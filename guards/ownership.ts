import { mapValues } from "../lib/map-values.ts";
import type { Settings } from "../settings/settings.ts";
import { projectLabel } from "../components/docker/container.ts";
import { KEPT_FOR_LABEL, type OwnIdentity, STACK_LABEL } from "../components/stack-identity.ts";

type Kind = "container" | "network" | "volume";

/** Something on the daemon. */
export interface Found {
  readonly kind: Kind;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly created: Date;
  /** Of a container. */
  readonly image?: string;
  /** Of a container: running, exited, … */
  readonly state?: string;
  /** Of a container: names of the networks that it is on. */
  readonly networks?: readonly string[];
  /** Of a network: names of the containers that are on it. */
  readonly users?: readonly string[];
}

/** Every name on the daemon that the stack takes. */
export function namesOnDaemon({
  names,
  existingNetworks,
  postgres,
  redis,
  backup,
  scheduledCheck,
  monitoring,
  servers,
}: Pick<
  Settings,
  "names" | "existingNetworks" | "postgres" | "redis" | "backup" | "scheduledCheck" | "monitoring" | "servers"
>): Record<Kind, readonly string[]> {
  const { containers, networks, volumes } = names;
  const dedicated = postgres.kind === "dedicated";
  const logs = monitoring?.logs;
  const ownLoki = logs?.loki.kind === "own" ? logs.loki : undefined;
  const lokiNetwork = logs?.loki.kind === "existing" ? logs.loki.network : undefined;
  const ownNetworks = { ...networks, ...mapValues(existingNetworks, () => undefined) };
  return {
    container: [
      containers.ingress,
      containers.litellm,
      ...(dedicated ? [containers.postgres] : []),
      ...(redis ? [redis.container] : []),
      ...(backup ? [backup.container] : []),
      ...(scheduledCheck ? [scheduledCheck.container] : []),
      ...(monitoring ? [monitoring.container] : []),
      ...(ownLoki ? [ownLoki.container] : []),
      ...(logs ? [logs.collector.container] : []),
      ...(monitoring?.grafana ? [monitoring.grafana.container] : []),
      ...new Set(servers.flatMap(({ container, adapter }) => [container, adapter?.container ?? container])),
    ],
    network: [
      ...Object.values(ownNetworks).filter((name) => name !== undefined),
      ...(redis ? [redis.network] : []),
      ...(monitoring ? [monitoring.network] : []),
      ...(monitoring?.alertsNetwork === undefined ? [] : [monitoring.alertsNetwork]),
      ...(ownLoki ? [ownLoki.network, ownLoki.linesNetwork] : []),
      ...(lokiNetwork && "made" in lokiNetwork ? [lokiNetwork.made] : []),
      ...(monitoring?.spend?.network === undefined ? [] : [monitoring.spend.network]),
      ...servers.flatMap(({ adapter }) => adapter?.upstream?.network ?? []),
    ],
    volume: [
      volumes.ingressAudit,
      volumes.ingressState,
      ...(dedicated ? [volumes.postgresData] : []),
      ...(backup?.to === undefined && backup ? [backup.volume] : []),
      ...(backup ? [backup.toldVolume] : []),
      ...(scheduledCheck ? [scheduledCheck.volume] : []),
      ...(monitoring ? [monitoring.volume] : []),
      ...(ownLoki ? [ownLoki.volume] : []),
      ...(logs ? [logs.collector.volume] : []),
      ...(monitoring?.grafana ? [monitoring.grafana.volume] : []),
      ...servers.flatMap(({ dataVolume }) => dataVolume ?? []),
    ],
  };
}

/**
 * Why this stack may not have something on the daemon that has a name of its own; undefined when it is the stack's. To
 * take it would be to change what somebody else made, and a later `destroy` would delete it.
 *
 * @param joinedBy What to write in the stack's file to use it as it is; undefined where that cannot be.
 */
export function ownershipProblem(found: Found, own: OwnIdentity, joinedBy?: string): string | undefined {
  const { kind, name, labels } = found;
  const otherName = "write another litellm-mcp:namePrefix";
  const label = labels[STACK_LABEL];
  if (label !== undefined) {
    const [project, stack] = label.split("/");
    if (isOwn(found, own) || (kind === "volume" && labels[KEPT_FOR_LABEL] === own.keptFor)) return undefined;
    return (
      `${kind} ${name} belongs to stack ${stack} (project ${project}) of another Pulumi state (${since(found)}). ` +
      `Either ${otherName}, or destroy it there; if that state is lost: ${removal(found)}`
    );
  }
  if (isOfEarlierVersion(found)) return undefined;
  const remove = `remove it: ${removal(found)}, or ${otherName}`;
  return (
    `${kind} ${name} was not made by this program (${describe(found)}). ` +
    (joinedBy === undefined ? `Either ${remove}` : `Either use it as it is: ${joinedBy}; or ${remove}`)
  );
}

/** Whether a run with this stack's state has made it. */
export const isOwn = ({ labels }: Pick<Found, "labels">, { id }: OwnIdentity) =>
  id !== undefined && labels[STACK_LABEL]?.split("/")[2] === id;

/** An earlier version of this program made it, which set this label alone. */
export const isOfEarlierVersion = ({ labels }: Pick<Found, "labels">) =>
  labels[STACK_LABEL] === undefined && labels[projectLabel.label] === projectLabel.value;

const since = ({ created }: Found) => `since ${created.toISOString().slice(0, 10)}`;

const composeProject = ({ labels }: Found) => labels["com.docker.compose.project"];

/** What it is, so that its owner knows it again. */
function describe(found: Found): string {
  const { labels, image, state, users } = found;
  const project = composeProject(found);
  const service = labels["com.docker.compose.service"];
  return [
    image && `image ${image}`,
    project && `compose project ${project}`,
    service && `service ${service}`,
    state,
    users?.length && `containers on it: ${users.join(", ")}`,
    since(found),
  ]
    .filter(Boolean)
    .join(", ");
}

function removal(found: Found): string {
  const { kind, name, users } = found;
  const project = composeProject(found);
  const alone = {
    container: `docker rm -f ${name}`,
    network: `docker network rm ${name}${users?.length ? ", once no container is on it" : ""}`,
    volume: `docker volume rm ${name}, which deletes what is in it`,
  }[kind];
  // `docker compose down` leaves volumes.
  if (kind === "volume") return alone;
  // A container of a project can go alone; the rest of the project may be what the owner wants to keep.
  return project === undefined || project === ""
    ? alone
    : `docker compose -p ${project} down, which takes away all of that project, or ${alone}`;
}
