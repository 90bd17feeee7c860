import type { DockerEndpoint } from "../../components/docker/docker-connection.ts";
import { POSTGRES_ADMIN, POSTGRES_PORT } from "../../components/postgres/postgres-server.ts";
import {
  adapterOf,
  BACKUP,
  CONTAINER_TYPE,
  containerOf,
  DATABASE_TYPE,
  imageOf,
  IMAGE_TYPE,
  LITELLM,
  POSTGRES,
  POSTGRES_PROVIDER_TYPE,
  STACK_ID,
  VOLUME_TYPE,
} from "../../components/resource-names.ts";
import { inputsOf, type StoredResource } from "../stored-state.ts";

/** Where a stack's databases are, and how its administrator logs in. */
export type PostgresLogin =
  | { readonly kind: "own"; readonly container: string; readonly user: string }
  | {
      readonly kind: "existing";
      /** As LiteLLM's container reaches it. */
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly sslmode: string;
    };

/** A volume that outlives the stack, because what is in it cannot be made again. */
export interface HeldVolume {
  /** Of the resource, without the stack's prefix. */
  readonly name: string;
  /** The container that has it, by its name on the daemon, and where. */
  readonly container: string;
  readonly path: string;
}

/** What a stack holds that cannot be made again, and who uses it. */
export interface Held {
  readonly docker: DockerEndpoint;
  readonly stackId: string | undefined;
  readonly litellm: {
    readonly container: string;
    readonly image: string;
    /** On the daemon, of the container that is there. */
    readonly imageId: string;
  };
  readonly postgres: PostgresLogin;
  /** Those that the stack has made. */
  readonly databases: readonly string[];
  readonly volumes: readonly HeldVolume[];
  /** Containers other than LiteLLM's that have a connection to Postgres; behind each the one of its adapter, if it has one. */
  readonly readers: readonly string[];
}

const IS_POSTGRES_URL = /^[A-Za-z_]\w*=postgres(?:ql)?:\/\//;

interface ContainerInputs {
  readonly name: string;
  readonly image?: string;
  readonly envs?: readonly string[];
  readonly volumes?: readonly { readonly volumeName?: string; readonly containerPath: string }[];
}

/**
 * @param resources Of the stack's state.
 * @param docker Where all of it is.
 * @returns Undefined while there is nothing to back up: LiteLLM or its database was not made yet.
 */
export function readHeld(resources: readonly StoredResource[], docker: DockerEndpoint): Held | undefined {
  const ofType = <T>(type: string) =>
    resources
      .filter((resource) => resource.type === type)
      .map((resource) => ({ resource, inputs: inputsOf([resource], () => true)[0] as T }));
  const nameIn = ({ urn }: StoredResource) => urn.split("::").at(-1)!;
  // The one that reads all volumes each day uses none of them.
  const containers = ofType<ContainerInputs>(CONTAINER_TYPE).filter(
    ({ resource }) => nameIn(resource) !== containerOf(BACKUP),
  );
  const containerNamed = (name: string) =>
    containers.find(({ resource }) => nameIn(resource) === containerOf(name))?.inputs;
  const litellm = containerNamed(LITELLM);
  const databases = ofType<{ name: string }>(DATABASE_TYPE).map(({ inputs }) => inputs.name);
  const [provider] = ofType<{ username: string; password: string; sslmode?: string }>(POSTGRES_PROVIDER_TYPE);
  const url = litellm?.envs?.find((variable) => variable.startsWith("DATABASE_URL="));
  if (!litellm || !provider || url === undefined || !databases.length) return undefined;

  const own = containerNamed(POSTGRES);
  const { hostname, port } = new URL(url.slice(url.indexOf("=") + 1));
  const { username, password, sslmode = "prefer" } = provider.inputs;
  const image = ofType<{ name: string }>(IMAGE_TYPE).find(({ resource }) => nameIn(resource) === imageOf(LITELLM));
  return {
    docker,
    stackId: resources.find((resource) => nameIn(resource) === STACK_ID)?.id,
    litellm: { container: litellm.name, image: image?.inputs.name ?? "", imageId: litellm.image ?? "" },
    postgres: own
      ? { kind: "own", container: own.name, user: POSTGRES_ADMIN }
      : {
          ...{ kind: "existing", host: hostname, port: Number(port || POSTGRES_PORT) },
          ...{ user: username, password, sslmode },
        },
    databases: databases.sort(),
    volumes: ofType<{ name: string }>(VOLUME_TYPE)
      .filter(({ resource }) => resource.retainOnDelete)
      .flatMap(({ resource, inputs }) =>
        containers.flatMap(({ inputs: { name: container, volumes = [] } }) =>
          volumes
            .filter(({ volumeName }) => volumeName === inputs.name)
            .map(({ containerPath }) => ({ name: nameIn(resource), container, path: containerPath })),
        ),
      ),
    readers: containers
      .filter(
        ({ inputs: { name, envs = [] } }) => name !== litellm.name && envs.some((one) => IS_POSTGRES_URL.test(one)),
      )
      .flatMap(({ resource, inputs: { name } }) => {
        const component = nameIn(resource).slice(0, -containerOf("").length);
        return [name, containerNamed(adapterOf(component))?.name ?? []].flat();
      }),
  };
}
