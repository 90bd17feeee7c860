import * as pulumi from "@pulumi/pulumi";
import type { ServerSettings, Settings } from "../../settings/settings.ts";
import { moduleProvider } from "../docker/module-provider.ts";
import type { ExpectedServer } from "../../check/expectations.ts";
import type { ClientWithKey } from "./ingress-rights.ts";

export interface GatewayCheckArgs {
  readonly settings: Pick<Settings, "docker" | "servers">;
  /** Base URL of the gateway, as this machine reaches it. */
  readonly gatewayUrl: string;
  readonly clients: readonly ClientWithKey[];
  /** Keys that must open nothing here, each with the words that a message uses for it. */
  readonly strangers: readonly { readonly what: string; readonly key: pulumi.Input<string> }[];
  /** Ids of containers: when one changes, the check runs again. */
  readonly triggers: readonly pulumi.Input<string>[];
}

/** What the check of the gateway has to know of a server. */
export const expected = ({ name, container, adapter, toolLock, check }: ServerSettings): ExpectedServer => ({
  name,
  container,
  adapter: adapter?.container ?? null,
  lock: toolLock ?? null,
  call: check ? { tool: check.tool, arguments: check.arguments, expect: check.expect ?? null } : null,
});

/**
 * The last resource of the graph: speaks MCP to the gateway with every client's key, lists the tools, compares them
 * with what was approved, calls one of each server, and tries what must fail. If anything is wrong, it fails `pulumi
 * up` with the server's name, what was seen and the server's log.
 */
export class GatewayCheck extends pulumi.dynamic.Resource {
  /** Tools by server, as listed through the gateway. */
  declare readonly tools: pulumi.Output<Record<string, string[]>>;

  constructor(name: string, args: GatewayCheckArgs, opts?: pulumi.CustomResourceOptions) {
    const { settings, gatewayUrl, clients, strangers, triggers } = args;
    super(
      moduleProvider("./components/gateway/gateway-check.provider.ts", ["create", "update"]),
      name,
      {
        gatewayUrl,
        docker: settings.docker,
        servers: settings.servers.map(expected),
        clients: pulumi.secret(clients.map(({ client, key }) => ({ name: client.name, key, rules: client.rules }))),
        strangers: pulumi.secret(strangers),
        stack: pulumi.getStack(),
        triggers,
        tools: undefined,
      },
      pulumi.mergeOptions(opts, { additionalSecretOutputs: ["clients", "strangers"] }),
    );
  }
}
