import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { keyHash, type Rights } from "../../ingress/rights.ts";
import type { ClientSettings, ServerSettings } from "../../settings/settings.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { moduleProvider } from "../docker/module-provider.ts";

export interface IngressRightsArgs {
  readonly docker: DockerEndpoint;
  readonly container: docker.Container;
  /** File in the container that the ingress reads. */
  readonly file: string;
  /** Base URL of the ingress, as this machine reaches it. */
  readonly gatewayUrl: string;
  readonly servers: readonly Pick<ServerSettings, "name" | "accessGroups">[];
  readonly clients: readonly { readonly client: ClientSettings; readonly key: pulumi.Input<string> }[];
}

/** Inputs of the `IngressRights` resource. */
export interface IngressRightsInputs {
  readonly docker: DockerEndpoint;
  readonly container: string;
  /** Changes with the container; the table is written again. */
  readonly containerId: string;
  readonly file: string;
  readonly gatewayUrl: string;
  /** The table as JSON; secret, because it follows from keys. */
  readonly rights: string;
}

/** The table that the ingress takes: no key is in it, only what tells a key. */
export function renderRights(
  servers: IngressRightsArgs["servers"],
  clients: readonly { readonly client: ClientSettings; readonly key: string }[],
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
 * Who may do what at the ingress, written into the running container and in force when this resource is there: a right that is
 * given or taken away replaces no container and interrupts nobody.
 */
export class IngressRights extends pulumi.dynamic.Resource {
  constructor(name: string, args: IngressRightsArgs, opts?: pulumi.CustomResourceOptions) {
    const { docker, container, file, gatewayUrl, servers, clients } = args;
    const rights = pulumi
      .all(clients.map(({ client, key }) => pulumi.output(key).apply((text) => ({ client, key: text }))))
      // Unwrapped by Pulumi's `all`, which loses `readonly`.
      .apply((known) => JSON.stringify(renderRights(servers, known as { client: ClientSettings; key: string }[])));
    const inputs = {
      docker,
      container: container.name,
      containerId: container.id,
      file,
      gatewayUrl,
      rights: pulumi.secret(rights),
    };
    super(
      moduleProvider("./components/gateway/ingress-rights.provider.ts", ["create", "update"]),
      name,
      inputs,
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["rights"] }),
    );
  }
}
