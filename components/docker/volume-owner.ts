import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { DockerEndpoint } from "./docker-connection.ts";
import { moduleProvider } from "./module-provider.ts";

export interface VolumeOwnerArgs {
  readonly docker: DockerEndpoint;
  readonly volume: docker.Volume;
  /** Numeric user and group, `uid:gid`. */
  readonly owner: string;
  /** An image with `chown` that is on the daemon. */
  readonly image: pulumi.Input<string>;
  /** Name of the container that uses the volume. */
  readonly container: string;
}

/** Inputs of the `VolumeOwner` resource. */
export interface VolumeOwnerInputs {
  readonly docker: DockerEndpoint;
  readonly volume: string;
  /** `uid:gid` */
  readonly owner: string;
  /** An image that has `chown`: the MCP server's own, which is on the daemon already. */
  readonly image: string;
  /** The container that uses the volume; stopped, if it is there, because it would write as its former user. */
  readonly container: string;
}

/**
 * Gives everything in a volume to a user, before the container that runs as this user starts. A volume outlives users:
 * one that an earlier release or another stack left behind holds files that a new user could neither read nor write.
 */
export class VolumeOwner extends pulumi.dynamic.Resource {
  constructor(
    name: string,
    { docker, volume, owner, image, container }: VolumeOwnerArgs,
    opts?: pulumi.CustomResourceOptions,
  ) {
    super(
      moduleProvider("./components/docker/volume-owner.provider.ts", ["create", "update"]),
      name,
      { docker, volume: volume.name, owner, image, container },
      opts,
    );
  }
}
