import * as pulumi from "@pulumi/pulumi";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import type { ToolRule } from "../../ingress/rights.ts";
import type { ExpectedServer } from "./check/expectations.ts";
import { moduleProvider } from "../docker/module-provider.ts";

export interface GatewayCheckArgs {
  readonly gatewayUrl: string;
  readonly docker: DockerEndpoint;
  readonly servers: readonly ExpectedServer[];
  readonly clients: readonly {
    readonly name: string;
    readonly key: pulumi.Input<string>;
    readonly rules: Readonly<Record<string, ToolRule>>;
  }[];
  /** Keys that must open nothing here, by what they are. */
  readonly strangers: readonly { readonly what: string; readonly key: pulumi.Input<string> }[];
  readonly stack: string;
  /** Values that change when something was deployed anew: ids of containers. */
  readonly triggers: readonly pulumi.Input<string>[];
}

/**
 * The last resource of the graph: speaks MCP to the gateway with every client's key, lists the tools, compares them
 * with what was approved, calls one of each server, tries what must fail, and fails `pulumi up` with the server's name, what was
 * seen and its log when one of it is not as it must be.
 */
export class GatewayCheck extends pulumi.dynamic.Resource {
  /** Tools by server, as listed through the gateway. */
  declare readonly tools: pulumi.Output<Record<string, string[]>>;

  constructor(name: string, args: GatewayCheckArgs, opts?: pulumi.CustomResourceOptions) {
    super(
      moduleProvider("./components/gateway/gateway-check.provider.ts", ["create", "update"]),
      name,
      { ...args, clients: pulumi.secret(args.clients), strangers: pulumi.secret(args.strangers), tools: undefined },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["clients", "strangers"] }),
    );
  }
}
