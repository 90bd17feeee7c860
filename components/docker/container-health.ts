import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { DockerEndpoint } from "./docker-connection.ts";
import { moduleProvider } from "./module-provider.ts";

export interface ContainerHealthArgs {
  readonly docker: DockerEndpoint;
  readonly container: docker.Container;
  /** Longest time from start to healthy. */
  readonly withinSeconds: number;
}

/** Inputs of the `ContainerHealth` resource. */
export interface ContainerHealthInputs {
  readonly docker: DockerEndpoint;
  readonly container: string;
  /** Another container has another id, and is waited for again. */
  readonly containerId: string;
  readonly withinSeconds: number;
}

/**
 * Holds `pulumi up` until a container is healthy. The provider's own `wait` says no more than "failed to be in healthy
 * state", after its whole timeout, and at the next `up` accepts the broken container. This one fails as soon as it is
 * clear that the container does not come up, shows its log, and is tried again at the next `up`.
 */
export class ContainerHealth extends pulumi.dynamic.Resource {
  constructor(
    name: string,
    { docker, container, withinSeconds }: ContainerHealthArgs,
    opts?: pulumi.CustomResourceOptions,
  ) {
    const inputs = { docker, container: container.name, containerId: container.id, withinSeconds };
    super(moduleProvider("./components/docker/container-health.provider.ts", ["create", "update"]), name, inputs, opts);
  }
}
