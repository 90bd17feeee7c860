import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { NETWORKS } from "../../settings/resolve/daemon-names.ts";
import type { Settings } from "../../settings/settings.ts";
import { projectLabel } from "./container.ts";

export interface NetworksArgs {
  readonly settings: Pick<Settings, "names" | "existingNetworks">;
}

/** A network as containers name it. */
export type NetworkToJoin = Pick<docker.Network, "id">;

/** Without it, an internal network has an address of the host, which leads to everything that listens on the host. */
export const INHIBIT_ADDRESS = "com.docker.network.bridge.inhibit_ipv4";
const NO_ADDRESS_OF_THE_HOST = { [INHIBIT_ADDRESS]: "true" };
/** It is there for the way out: without this, images would reach each other on it, past their adapters. */
const NO_NEIGHBOURS = { "com.docker.network.bridge.enable_icc": "false" };

/**
 * The five networks. Three are internal (no way out, nothing published): what an MCP server may reach is decided by the
 * networks it is on, not by trust in it. Two of them can be networks that somebody else made: nothing of these is in
 * the state, so nothing is changed or deleted.
 */
export class Networks extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:docker:Networks";
  /** `litellm-mcp-net`, internal: LiteLLM and every MCP server. */
  readonly mcp: NetworkToJoin;
  /** `postgres-net`, internal: Postgres, LiteLLM and the MCP servers that declare `postgres: true`. */
  readonly postgres: NetworkToJoin;
  /**
   * `litellm-lan-net`: the ingress, LiteLLM and Postgres, whose ports are published; Docker publishes nothing from an
   * internal network.
   */
  readonly lan: docker.Network;
  /** `litellm-ingress-net`, internal: the ingress and LiteLLM, which nobody else reaches but Prometheus, where there is one. */
  readonly ingress: docker.Network;
  /** `mcp-egress-net`: MCP servers that declare `egress: true`. */
  readonly egress: docker.Network;

  constructor(name: string, { settings }: NetworksArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Networks.TYPE, name, {}, opts);
    const network = (which: keyof typeof NETWORKS, internal: boolean, options?: Record<string, string>) =>
      bridge(`${name}-${NETWORKS[which]}`, settings.names.networks[which], internal, { parent: this }, options);
    const own = (which: "mcp" | "postgres") => {
      const existing = settings.existingNetworks[which];
      // By its id: a network of the same name that was made anew has lost its containers, which then join again.
      return existing === undefined
        ? network(which, true)
        : { id: docker.getNetworkOutput({ name: existing }, { parent: this }).id };
    };
    this.mcp = own("mcp");
    this.postgres = own("postgres");
    this.lan = network("lan", false);
    this.egress = network("egress", false, NO_NEIGHBOURS);
    this.ingress = network("ingress", true);
    this.registerOutputs({
      mcp: this.mcp.id,
      postgres: this.postgres.id,
      lan: this.lan.id,
      egress: this.egress.id,
      ingress: this.ingress.id,
    });
  }
}

/** Docker publishes from it, and what leaves the host by it has an address to which nobody answers. */
const NO_WAY_BACK = { "com.docker.network.bridge.enable_ip_masquerade": "false" };

/** A network for one container whose port is published, and for whom somebody puts on it; no way out beyond the host. */
export const publishingNetwork = (name: string, daemonName: string, opts: pulumi.CustomResourceOptions) =>
  bridge(name, daemonName, false, opts, NO_WAY_BACK);

/** A network of one container, which reaches the LAN by it and is reached by nobody. */
export const outgoingNetwork = (name: string, daemonName: string, opts: pulumi.CustomResourceOptions) =>
  bridge(name, daemonName, false, opts, NO_NEIGHBOURS);

/** A network without a way out, for two containers that talk to each other. */
export const internalNetwork = (name: string, daemonName: string, opts: pulumi.CustomResourceOptions) =>
  bridge(name, daemonName, true, opts);

const bridge = (
  name: string,
  daemonName: string,
  internal: boolean,
  opts: pulumi.CustomResourceOptions,
  options: Record<string, string> = internal ? NO_ADDRESS_OF_THE_HOST : {},
) =>
  new docker.Network(
    name,
    {
      name: daemonName,
      driver: "bridge",
      internal,
      ...(Object.keys(options).length && { options }),
      labels: [projectLabel],
    },
    { ...opts, deleteBeforeReplace: true },
  );
