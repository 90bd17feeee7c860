import type { DockerEndpoint } from "../../components/docker/docker-connection.ts";
import { AUDIT_FOLDER } from "../../components/gateway/addresses.ts";
import type { GatewayCheckInputs } from "../../components/gateway/check/inputs.ts";
import type { IngressRightsInputs } from "../../components/gateway/ingress-rights.ts";
import {
  BACKUP,
  CONTAINER_TYPE,
  containerOf,
  DATABASE_TYPE,
  DYNAMIC_TYPE,
  GATEWAY_CHECK,
  IMAGE_TYPE,
  INGRESS,
  INGRESS_RIGHTS,
  NETWORK_TYPE,
  POSTGRES,
  POSTGRES_PROVIDER_TYPE,
  SCHEDULED_CHECK,
  STACK_TYPE,
  VOLUME_TYPE,
} from "../../components/resource-names.ts";
import type { ToolRule } from "../../ingress/rights.ts";
import { compareText } from "../../lib/compare-text.ts";
import type { Sensitive } from "../../lib/sensitive.ts";
import { stackPath } from "../../settings/context.ts";
import type { AuditPlace } from "../audit/files.ts";
import { inputsOf, passwordsOf, type StoredResource } from "../stored-state.ts";

/** What a stack has by its state, names alone. */
export interface Deployed {
  readonly stack: string;
  readonly docker: DockerEndpoint;
  /** Undefined before a first `up` has come so far. */
  readonly gatewayUrl: string | undefined;
  /** The same as people are told it, with its name in place of the address; undefined before an `up` has come to its end. */
  readonly toldUrl: string | undefined;
  /** Whether an `up` has come to its end, the gateway check. */
  readonly isChecked: boolean;
  /** Names on the daemon. */
  readonly containers: readonly string[];
  /** What each of them is of the stack, by its name. */
  readonly parts: Readonly<Record<string, string>>;
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
  /** As its settings name them; a tag of another stack can lead to the same image. */
  readonly images: readonly string[];
  readonly servers: readonly {
    readonly name: string;
    /** Container of its adapter; null where it has none. */
    readonly adapter: string | null;
    /** How many tools of it were approved; null: none were yet. */
    readonly approved: number | null;
  }[];
  readonly clients: readonly { readonly name: string; readonly rules: Readonly<Record<string, ToolRule>> }[];
  /** The record of calls; undefined before a first `up` has come so far. */
  readonly audit: (AuditPlace & { readonly masked: readonly Sensitive[] }) | undefined;
  /** Where it is; `container` of a stack's own; `databases`: names of those that are the stack's. */
  readonly postgres: {
    readonly where: string;
    readonly container: string | undefined;
    readonly databases: readonly string[];
  };
  /** The container that makes a backup each day; undefined where none is made. */
  readonly backup: string | undefined;
  /** The container of the scheduled check; undefined where there is none. */
  readonly scheduledCheck: string | undefined;
  /** Names of passwords and keys that the program has made up, and of secrets that the owner has set. */
  readonly secrets: readonly string[];
}

/**
 * What a stack has.
 *
 * @param resources Of its state.
 * @param ownSecrets Names of the secrets that its owner has set.
 * @returns Undefined while it has no container.
 */
export function readDeployed(
  stack: string,
  resources: readonly StoredResource[],
  ownSecrets: readonly string[],
): Deployed | undefined {
  const inputs = <T>(wanted: (urn: string) => boolean) => inputsOf(resources, wanted) as T[];
  const namesOf = (type: string) =>
    inputs<{ name: string }>((urn) => urn.includes(`${type}::`))
      .map(({ name }) => name)
      .sort(compareText);
  const containers = namesOf(CONTAINER_TYPE);
  // Everything that was made through a connection of the program's own was told which daemon it is for.
  const dynamic = inputs<{ docker?: DockerEndpoint }>((urn) => urn.includes(`${DYNAMIC_TYPE}::`));
  const docker = dynamic.find((one) => one.docker)?.docker;
  if (!containers.length || !docker) return undefined;
  const [check] = inputs<GatewayCheckInputs>((urn) => urn.endsWith(`::${GATEWAY_CHECK}`));
  const [rights] = inputs<IngressRightsInputs>((urn) => urn.endsWith(`::${INGRESS_RIGHTS}`));
  const containerNamed = (component: string) =>
    inputs<{ name: string }>((urn) => urn.endsWith(`${CONTAINER_TYPE}::${containerOf(component)}`))[0]?.name;
  const postgres = containerNamed(POSTGRES);
  const [server] = inputs<{ host: string; port: string }>((urn) => urn.includes(`${POSTGRES_PROVIDER_TYPE}::`));
  return {
    stack,
    docker,
    gatewayUrl: rights?.gatewayUrl,
    toldUrl: resources.find(({ type }) => type === STACK_TYPE)?.outputs?.["gateway"] as string | undefined,
    isChecked: check !== undefined,
    containers,
    parts: partsOf(resources),
    networks: namesOf(NETWORK_TYPE),
    volumes: namesOf(VOLUME_TYPE),
    images: namesOf(IMAGE_TYPE),
    servers: (check?.servers ?? []).map(({ name, adapter, lock }) => ({
      ...{ name, adapter, approved: lock && Object.keys(lock).length },
    })),
    clients: (check?.clients ?? []).map(({ name, rules }) => ({ name, rules })),
    audit: auditOf(resources),
    postgres: {
      where: postgres ?? `${server?.host}:${server?.port}`,
      container: postgres,
      databases: namesOf(DATABASE_TYPE),
    },
    backup: containerNamed(BACKUP),
    scheduledCheck: containerNamed(SCHEDULED_CHECK),
    secrets: [
      ...passwordsOf(resources).map(({ name }) => name),
      ...ownSecrets.map((name) => stackPath("secrets", name)),
    ].sort(compareText),
  };
}

/** The component that has made each container, by the container's name on the daemon. */
const partsOf = (resources: readonly StoredResource[]): Record<string, string> =>
  Object.fromEntries(
    resources.flatMap(({ urn, type, inputs }) => {
      const made = type === CONTAINER_TYPE ? /::([^:]+)-container$/.exec(urn)?.[1] : undefined;
      return made === undefined ? [] : [[(inputs as { name: string }).name, made] as const];
    }),
  );

/** As the container of the ingress has it. */
function auditOf(resources: readonly StoredResource[]): Deployed["audit"] {
  const [ingress] = inputsOf(resources, (urn) => urn.endsWith(`${CONTAINER_TYPE}::${containerOf(INGRESS)}`)) as {
    readonly name: string;
    readonly envs: readonly string[];
    readonly volumes: readonly { readonly containerPath: string; readonly volumeName: string }[];
  }[];
  const volume = ingress?.volumes.find(({ containerPath }) => containerPath === AUDIT_FOLDER);
  if (!ingress || !volume) return undefined;
  const masked = ingress.envs.find((variable) => variable.startsWith("GUARD_MASKED="))?.split("=")[1];
  return {
    ...{ container: ingress.name, volume: volume.volumeName },
    masked: (masked?.split(",") ?? []) as Sensitive[],
  };
}
