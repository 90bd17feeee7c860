import { mapValues } from "../../lib/map-values.ts";
import type { DaemonNames, ExistingNetworks } from "../settings.ts";

/** The networks, without the prefix: these are also in the names of their resources. */
export const NETWORKS = {
  mcp: "litellm-mcp-net",
  postgres: "postgres-net",
  lan: "litellm-lan-net",
  egress: "mcp-egress-net",
  ingress: "litellm-ingress-net",
} as const;

/**
 * What the stack's containers, networks and volumes are called on the daemon, but those of MCP servers. Networks that
 * somebody else made have the names that they have.
 */
export function daemonNames(namePrefix: string, existing: ExistingNetworks = {}): DaemonNames {
  const prefixed = <K extends string>(names: Readonly<Record<K, string>>) =>
    mapValues(names, (name) => `${namePrefix}${name}`) as Record<K, string>;
  return {
    containers: prefixed({ ingress: "ingress", litellm: "litellm", postgres: "postgres" }),
    networks: { ...prefixed(NETWORKS), ...existing },
    volumes: prefixed({
      ingressState: "ingress-state",
      ingressAudit: "ingress-audit",
      postgresData: "postgres-data",
    }),
  };
}

/** Of Prometheus, where there is one: it publishes a port. */
export const monitoringContainer = (namePrefix: string) => `${namePrefix}prometheus`;
/** The same of Loki. */
export const lokiContainer = (namePrefix: string) => `${namePrefix}loki`;
/** The same of Grafana. */
export const grafanaContainer = (namePrefix: string) => `${namePrefix}grafana`;

/** The same of one MCP server; `host` is its name on the Docker network. */
export const serverNames = (namePrefix: string, host: string) => ({
  container: `${namePrefix}${host}`,
  /** Of a native server's adapter; others have one container. */
  adapterContainer: `${namePrefix}${host}-adapter`,
  /** Of a native server and its adapter. */
  network: `${namePrefix}${host}-net`,
  dataVolume: `${namePrefix}${host}-data`,
});

/** An MCP server's name on the Docker network, which is its adapter's where it has one. */
export const serverHost = (server: string) => `mcp-${server}`;

/** The name of a native server, on the network that it shares with its adapter alone, or with all where it has none. */
export const nativeHost = (server: string) => `${serverHost(server)}-server`;
