import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { projectLabel } from "./container.ts";

/** Names of the networks, without the prefix. */
export const NETWORKS = [
  "litellm-mcp-net",
  "postgres-net",
  "litellm-lan-net",
  "mcp-egress-net",
  "litellm-ingress-net",
] as const;

export interface NetworksArgs {
  /** Put before every network's name on the daemon, so that two stacks can share one. */
  readonly namePrefix: string;
}

/** Without it, everything that listens on the server itself is reached from an internal network, by the bridge's address. */
const NO_ADDRESS_OF_THE_SERVER = { "com.docker.network.bridge.inhibit_ipv4": "true" };

/**
 * The five networks. Three are internal (no way out, nothing published): what an MCP server may reach is decided by the
 * networks it is on, not by trust in it.
 */
export class Networks extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:docker:Networks";
  /** `litellm-mcp-net`, internal: LiteLLM and every MCP server. */
  readonly mcp: docker.Network;
  /** `postgres-net`, internal: Postgres, LiteLLM and the MCP servers that declare `postgres: true`. */
  readonly postgres: docker.Network;
  /** `litellm-lan-net`: the ingress, LiteLLM and Postgres, whose ports are published; Docker publishes nothing from an internal network. */
  readonly lan: docker.Network;
  /** `litellm-ingress-net`, internal: the ingress and LiteLLM, which nobody else reaches. */
  readonly ingress: docker.Network;
  /** `mcp-egress-net`: MCP servers that declare `egress: true`. */
  readonly egress: docker.Network;

  constructor(name: string, args: NetworksArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Networks.TYPE, name, {}, opts);
    const network = (networkName: (typeof NETWORKS)[number], internal: boolean) =>
      new docker.Network(
        `${name}-${networkName}`,
        {
          name: `${args.namePrefix}${networkName}`,
          driver: "bridge",
          internal,
          ...(internal && { options: NO_ADDRESS_OF_THE_SERVER }),
          labels: [projectLabel],
        },
        { parent: this, deleteBeforeReplace: true },
      );
    this.mcp = network("litellm-mcp-net", true);
    this.postgres = network("postgres-net", true);
    this.lan = network("litellm-lan-net", false);
    this.egress = network("mcp-egress-net", false);
    this.ingress = network("litellm-ingress-net", true);
    this.registerOutputs({
      mcp: this.mcp.id,
      postgres: this.postgres.id,
      lan: this.lan.id,
      egress: this.egress.id,
      ingress: this.ingress.id,
    });
  }
}
