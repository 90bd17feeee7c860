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
}

/** Every name on the daemon that the stack takes. */
export function namesOnDaemon({
  names,
  postgres,
  servers,
}: Pick<Settings, "names" | "postgres" | "servers">): Record<Kind, readonly string[]> {
  const { containers, networks, volumes } = names;
  const dedicated = postgres.kind === "dedicated";
  return {
    container: [
      containers.ingress,
      containers.litellm,
      ...(dedicated ? [containers.postgres] : []),
      ...new Set(servers.flatMap(({ container, adapter }) => [container, adapter?.container ?? container])),
    ],
    network: [...Object.values(networks), ...servers.flatMap(({ adapter }) => adapter?.upstream?.network ?? [])],
    volume: [
      volumes.ingressAudit,
      volumes.ingressState,
      ...(dedicated ? [volumes.postgresData] : []),
      ...servers.flatMap(({ dataVolume }) => dataVolume ?? []),
    ],
  };
}

/**
 * Why this stack may not have something on the daemon that has a name of its own; undefined when it is the stack's. To
 * take it would be to change what somebody else made, and a later `destroy` would delete it.
 */
export function ownershipProblem({ kind, name, labels, created, image }: Found, own: OwnIdentity): string | undefined {
  const since = `since ${created.toISOString().slice(0, 10)}`;
  const otherName = "write another litellm-mcp:namePrefix";
  const removal = {
    container: `docker rm -f ${name}`,
    network: `docker network rm ${name}`,
    volume: `docker volume rm ${name}, which deletes what is in it`,
  }[kind];
  const label = labels[STACK_LABEL];
  if (label !== undefined) {
    const [project, stack, id] = label.split("/");
    if ((own.id !== undefined && id === own.id) || (kind === "volume" && labels[KEPT_FOR_LABEL] === own.keptFor))
      return undefined;
    return (
      `${kind} ${name} belongs to stack ${stack} (project ${project}) of another Pulumi state (${since}). ` +
      `Either ${otherName}, or destroy it there; if that state is lost: ${removal}`
    );
  }
  // An earlier version of this program made it, which set this label alone.
  if (labels[projectLabel.label] === projectLabel.value) return undefined;
  const compose = labels["com.docker.compose.project"];
  const what = [image && `image ${image}`, compose && `compose project ${compose}`, since].filter(Boolean).join(", ");
  return (
    `${kind} ${name} was not made by this program (${what}). ` +
    `Either ${otherName}, or remove it: ${compose ? `docker compose -p ${compose} down` : removal}`
  );
}
