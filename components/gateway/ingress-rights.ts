import * as pulumi from "@pulumi/pulumi";
import { keyHash, type Rights } from "../../ingress/rights.ts";
import type { ClientSettings, ServerSettings, Settings } from "../../settings/settings.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { moduleProvider } from "../docker/module-provider.ts";
import { Ingress } from "./ingress.ts";

/** A client of the stack, with its key. */
export interface ClientWithKey<K = pulumi.Input<string>> {
  readonly client: ClientSettings;
  readonly key: K;
}

export interface IngressRightsArgs {
  readonly settings: Pick<Settings, "docker" | "servers">;
  readonly ingress: Ingress;
  readonly clients: readonly ClientWithKey[];
}

/** Inputs of the `IngressRights` resource. */
export interface IngressRightsInputs {
  readonly docker: DockerEndpoint;
  readonly container: string;
  /** Another container has another id, and gets the table as well. */
  readonly containerId: string;
  readonly file: string;
  readonly gatewayUrl: string;
  /** The table as JSON; secret, because hashes of keys are in it. */
  readonly rights: string;
}

/** The table that the ingress reads. No key is in it: a hash is enough to know a key by. */
export function renderRights(
  servers: readonly Pick<ServerSettings, "name" | "accessGroups">[],
  clients: readonly ClientWithKey<string>[],
): Rights {
  return {
    servers: servers.map(({ name, accessGroups }) => ({ name, groups: accessGroups })),
    clients: clients.map(({ client, key }) => ({
      name: client.name,
      keyHash: keyHash(key),
      servers: client.rules,
      models: client.models,
      rpm: client.rpm ?? null,
      parallel: client.parallel,
      budget: client.budget ?? null,
    })),
  };
}

/**
 * Who may do what at the ingress, written into the running container and in force when this resource is there: a right
 * that is given or taken away replaces no container and interrupts nobody.
 */
export class IngressRights extends pulumi.dynamic.Resource {
  constructor(name: string, { settings, ingress, clients }: IngressRightsArgs, opts?: pulumi.CustomResourceOptions) {
    const known = clients.map(({ client, key }) => pulumi.output(key).apply((text) => ({ client, key: text })));
    const rights = pulumi
      .all(known)
      // The cast brings back `readonly`, which Pulumi's `all` loses.
      .apply((withKeys) => JSON.stringify(renderRights(settings.servers, withKeys as ClientWithKey<string>[])));
    super(
      moduleProvider("./components/gateway/ingress-rights.provider.ts", ["create", "update"]),
      name,
      {
        docker: settings.docker,
        container: ingress.container.name,
        containerId: ingress.container.id,
        file: Ingress.RIGHTS_FILE,
        gatewayUrl: ingress.url,
        rights: pulumi.secret(rights),
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["rights"] }),
    );
  }
}
