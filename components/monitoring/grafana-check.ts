import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { moduleProvider } from "../docker/module-provider.ts";
import type { grafanaContent } from "./grafana-config.ts";

export interface GrafanaCheckArgs {
  readonly docker: DockerEndpoint;
  readonly container: docker.Container;
  readonly volume: string;
  readonly password: pulumi.Input<string>;
  readonly content: ReturnType<typeof grafanaContent>;
  /** Ids of containers: when one changes, it is asked again. */
  readonly triggers: readonly pulumi.Input<string>[];
}

/** Inputs of the `GrafanaCheck` resource. */
export interface GrafanaCheckInputs {
  readonly docker: DockerEndpoint;
  readonly container: string;
  readonly volume: string;
  /** Secret. */
  readonly password: string;
  readonly sources: readonly {
    readonly name: string;
    readonly uid: string;
    readonly type: string;
    readonly trial: Readonly<Record<string, unknown>>;
  }[];
  readonly dashboards: readonly { readonly uid: string; readonly title: string }[];
  readonly triggers: readonly string[];
}

/**
 * Gives Grafana's user the stack's password, and asks it by its API: whether each data source answers, also with a query, and
 * whether each dashboard is there. If anything is wrong, it fails `pulumi up`.
 */
export class GrafanaCheck extends pulumi.dynamic.Resource {
  constructor(name: string, args: GrafanaCheckArgs, opts?: pulumi.CustomResourceOptions) {
    const { container, password, content, triggers, ...rest } = args;
    super(
      moduleProvider("./components/monitoring/grafana-check.provider.ts", ["create", "update"]),
      name,
      {
        ...rest,
        container: container.name,
        password: pulumi.secret(password),
        sources: content.sources.map(({ name, uid, type, trial }) => ({ name, uid, type, trial })),
        dashboards: Object.values(content.dashboards).map(({ uid, title }) => ({ uid, title })),
        triggers: [container.id, ...triggers],
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["password"] }),
    );
  }
}
