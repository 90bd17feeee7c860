import { isIP } from "node:net";
import { type Context, stackPath } from "../context.ts";
import type { MonitoringConfig } from "../schemas/monitoring-schema.ts";
import type {
  ExistingNetworks,
  GrafanaSettings,
  LogsSettings,
  MonitoringSettings,
  PostgresSettings,
  ScheduledCheckSettings,
} from "../settings.ts";
import { grafanaContainer, lokiContainer, monitoringContainer } from "./daemon-names.ts";
import { outsideLanAdvice } from "./outside-lan.ts";

/** Docker's own; `guards/preflight.ts` asks the daemon for its folder. */
const DOCKER_ROOT = "/var/lib/docker";

export const resolveMonitoring = (
  { image, days, mib, memory, logs, grafana, spend }: MonitoringConfig,
  { kind }: Pick<PostgresSettings, "kind">,
  scheduledCheck: ScheduledCheckSettings | undefined,
  namePrefix: string,
): MonitoringSettings => ({
  image,
  days,
  mib,
  memoryMiB: memory,
  container: monitoringContainer(namePrefix),
  network: `${namePrefix}monitoring-net`,
  alertsNetwork: scheduledCheck && `${namePrefix}alerts-net`,
  volume: `${namePrefix}prometheus-data`,
  logs: logs.enabled ? resolveLogs(logs, namePrefix) : undefined,
  grafana: grafana && resolveGrafana(grafana, namePrefix),
  spend: spend ? { network: kind === "dedicated" ? `${namePrefix}spend-net` : undefined } : undefined,
});

const resolveGrafana = (
  { image, port, memory }: NonNullable<MonitoringConfig["grafana"]>,
  namePrefix: string,
): GrafanaSettings => ({
  image,
  port,
  memoryMiB: memory,
  container: grafanaContainer(namePrefix),
  volume: `${namePrefix}grafana-data`,
});

const resolveLogs = (
  { loki, image, days, memory, collectorImage, collectorMemory }: MonitoringConfig["logs"],
  namePrefix: string,
): LogsSettings => ({
  loki: loki
    ? {
        kind: "existing",
        url: loki.url,
        header: loki.header,
        network: loki.network === undefined ? { made: `${namePrefix}log-collector-net` } : { joined: loki.network },
      }
    : {
        kind: "own",
        image,
        days,
        memoryMiB: memory,
        container: lokiContainer(namePrefix),
        network: `${namePrefix}loki-net`,
        linesNetwork: `${namePrefix}log-lines-net`,
        volume: `${namePrefix}loki-data`,
      },
  collector: {
    image: collectorImage,
    memoryMiB: collectorMemory,
    container: `${namePrefix}log-collector`,
    volume: `${namePrefix}log-offsets`,
  },
  dockerRoot: DOCKER_ROOT,
});

/** What is about a Loki of the stack's own alone. */
const OF_OWN_LOKI = ["image", "port", "days", "memory"] as const;

/** Refuses what cannot be of a Loki that somebody else runs, and an address outside of the LAN; notes the secret. */
export function checkMonitoring(
  { logs: { enabled, loki } }: MonitoringConfig,
  networks: ExistingNetworks,
  { config, stackFile, problems, usedSecrets }: Context,
): void {
  if (!enabled || !loki) return;
  const problem = (path: readonly string[], found: unknown, write: string) =>
    problems.add(stackFile, stackPath("monitoring", "logs", ...path), found, write);
  // What is written, without the defaults.
  const written = (config["monitoring"] as { readonly logs: Readonly<Record<string, unknown>> }).logs;
  for (const key of OF_OWN_LOKI)
    if (written[key] !== undefined)
      problem(
        [key],
        written[key],
        `leave it out: ${stackPath("monitoring", "logs", "loki")} is no Loki of the stack's own`,
      );
  const { hostname } = new URL(loki.url);
  const advice = outsideLanAdvice(loki.url, loki.acceptRisks);
  if (loki.network !== undefined && isIP(hostname.replace(/^\[|\]$/g, "")) !== 0)
    problem(["loki", "url"], loki.url, `the name of its container on ${loki.network}: addresses there change`);
  else if (hostname === "localhost")
    problem(
      ["loki", "url"],
      loki.url,
      "an address of the LAN: in the collector's container this is the container itself",
    );
  else if (advice !== undefined) problem(["loki", "url"], loki.url, advice);
  if (loki.network !== undefined && loki.network === networks.mcp)
    problem(
      ["loki", "network"],
      loki.network,
      "another network than that of MCP servers: each of them would reach Loki",
    );
  if (loki.header) usedSecrets.add(loki.header.secret);
}
