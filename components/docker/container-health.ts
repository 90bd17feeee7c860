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
  /** Changes with the container; another one is waited for anew. */
  readonly containerId: string;
  readonly withinSeconds: number;
}

/**
 * Holds `pulumi up` until a container is healthy. The provider's own `wait` says no more than "failed to be in healthy
 * state", after its whole timeout, and takes the container for good at the next `up`; this one ends as soon as a container is
 * known not to come up, with its log, and is tried again.
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
