import type { DockerEndpoint } from "../../components/docker/docker-connection.ts";
import { currentOf, decryptedInputs, type StoredResource, type StoredState } from "../stored-state.ts";
import { CONTAINER_TYPE, DATABASE_TYPE, IMAGE_TYPE, NETWORK_TYPE, STACK_ID } from "../../components/resource-names.ts";

/** A container or network that the state knows, or an image that one was made from. */
export interface Deployed {
  readonly kind: "container" | "network" | "image";
  readonly id: string;
  /** On the daemon. */
  readonly name: string;
  readonly urn: string;
  /** Ids of the networks that a container was put on. */
  readonly networks: readonly string[];
  /** Names that it has on them, by their ids. */
  readonly aliases: Readonly<Record<string, readonly string[]>>;
  /** Files that were put into a container. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
}

/** What the state says of the daemon, and of what an interrupted run was at. */
export interface OnRecord {
  /** The stack's id in the labels of all that it made; undefined while nothing can have been made. */
  readonly stackId: string | undefined;
  /** Where all of it is. */
  readonly endpoint: DockerEndpoint | undefined;
  readonly deployed: readonly Deployed[];
  /** The images of its containers. */
  readonly images: readonly Deployed[];
  /** Names of the databases that were made. */
  readonly databases: readonly string[];
  /** Ids of all that the state knows, also of what is replaced and not deleted yet. */
  readonly known: ReadonlySet<string>;
  readonly pending: readonly Pending[];
}

/** What a run had begun when it was ended. */
export interface Pending {
  readonly urn: string;
  readonly type: string;
  readonly isCreating: boolean;
  /** Its input of that name. */
  readonly name: string | undefined;
}

interface ContainerInputs {
  readonly networksAdvanced?: readonly { readonly name: string; readonly aliases?: readonly string[] }[];
  readonly uploads?: readonly { readonly file: string; readonly content: string }[];
}

const PROVIDER_TYPE = "pulumi:providers:docker";

export function readRecord(state: StoredState): OnRecord {
  const { resources = [], pending_operations: pending = [] } = state;
  const nameOf = ({ inputs = {} }: StoredResource) => (typeof inputs["name"] === "string" ? inputs["name"] : undefined);
  const current = currentOf(state);
  const provider = current.find(({ type }) => type === PROVIDER_TYPE)?.inputs;
  return {
    stackId: current.find(({ urn }) => urn.endsWith(`::${STACK_ID}`))?.id,
    endpoint: provider && {
      host: provider["host"] as string,
      sshOpts: JSON.parse(provider["sshOpts"] as string) as string[],
    },
    deployed: current.flatMap((resource): Deployed[] => {
      const kind = kindOf(resource);
      const name = nameOf(resource);
      if (!kind || !resource.id || name === undefined) return [];
      const { networksAdvanced = [], uploads = [] } = decryptedInputs(resource) as ContainerInputs;
      return [
        {
          ...{ kind, id: resource.id, name, urn: resource.urn },
          networks: networksAdvanced.map((network) => network.name),
          aliases: Object.fromEntries(networksAdvanced.map((network) => [network.name, network.aliases ?? []])),
          files: uploads.map(({ file, content }) => ({ path: file, content })),
        },
      ];
    }),
    images: current.flatMap((resource) => imageOf(resource) ?? []),
    databases: current.filter(({ type }) => type === DATABASE_TYPE).flatMap((one) => nameOf(one) ?? []),
    known: new Set(resources.flatMap((resource) => (kindOf(resource) && resource.id) || [])),
    pending: pending.map(({ type, resource }) => ({
      urn: resource.urn,
      type: resource.type,
      isCreating: type === "creating",
      name: nameOf(resource),
    })),
  };
}

/** Its id in the state has its name behind it. */
function imageOf({ type, urn, inputs = {}, outputs = {} }: StoredResource): Deployed | undefined {
  const [id, name] = [outputs["imageId"], inputs["name"]];
  if (type !== IMAGE_TYPE || typeof id !== "string" || typeof name !== "string") return undefined;
  return { ...{ kind: "image", id, name, urn }, networks: [], aliases: {}, files: [] };
}

const kindOf = ({ type }: StoredResource): "container" | "network" | undefined =>
  type === CONTAINER_TYPE ? "container" : type === NETWORK_TYPE ? "network" : undefined;
