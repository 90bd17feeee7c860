import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { MonitoringSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, portsOf, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { internalNetwork, type Networks, publishingNetwork } from "../docker/networks.ts";
import { variablesToFiles } from "../docker/secret-files.ts";
import { containerOf, dataOf } from "../resource-names.ts";
import {
  adaptersOf,
  PROMETHEUS_ADDRESS,
  renderPrometheusConfig,
  renderRules,
  RULES_FILE,
  TOKENS_FOLDER,
} from "./prometheus-config.ts";

const { host: HOST, port: PORT } = PROMETHEUS_ADDRESS;
/** `nobody`, whose the image's own folder for figures is. */
const USER = "65534:65534";
const DATA_FOLDER = "/prometheus";
const CONFIG_FILE = "/tmp/prometheus.yml";
/** Where the scheduled check hears of alerts and has its figures, on the network of the two. */
const ALERTS_HOST = "alerts";
const ALERTS_PORT = 9093;

export interface PrometheusArgs {
  readonly settings: Pick<Settings, "docker" | "publishedPorts" | "servers">;
  readonly monitoring: MonitoringSettings;
  readonly networks: Networks;
  /** Host and port of the ingress's inner side, on its network. */
  readonly ingress: string;
  /** The network of a Loki of the stack's own and its collector; undefined where there is none. */
  readonly lines: docker.Network | undefined;
  /** What the adapters ask for, by the variable's name; secret. */
  readonly tokens: Readonly<Record<string, pulumi.Input<string>>>;
}

/**
 * Figures of the ingress, of each adapter and of the scheduled check, and rules that say what is wrong, also with Loki and its
 * collector. It asks on their networks, and answers on its own alone, whose port is on the host's loopback: no MCP server reaches it.
 * It tells the scheduled check of alerts, on the network on which it asks that for figures.
 */
export class Prometheus extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:monitoring:Prometheus";
  readonly container: docker.Container;
  /** The one on which it answers, whose port is published. */
  readonly network: docker.Network;
  /** Where the scheduled check hears of alerts and is asked for figures; undefined: there is none. */
  readonly alerts: { readonly network: docker.Network; readonly host: string; readonly port: number } | undefined;

  constructor(name: string, args: PrometheusArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Prometheus.TYPE, name, {}, opts);
    const { settings, monitoring, networks, ingress, lines, tokens } = args;
    const data = new docker.Volume(dataOf(name), { name: monitoring.volume, labels: [projectLabel] }, { parent: this });
    this.network = publishingNetwork(`${name}-net`, monitoring.network, { parent: this });
    this.alerts =
      monitoring.alertsNetwork === undefined
        ? undefined
        : {
            network: internalNetwork(`${name}-alerts-net`, monitoring.alertsNetwork, { parent: this }),
            ...{ host: ALERTS_HOST, port: ALERTS_PORT },
          };
    const image = daemonImage(name, settings.docker, { name: monitoring.image }, { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: monitoring.container,
        image: image.imageId,
        entrypoint: ["sh", "-c"],
        command: [startScript({ settings, monitoring, ingress, hasLines: lines !== undefined })],
        env: tokens,
        networks: [
          { id: this.network.id, aliases: [HOST] },
          { id: networks.ingress.id, aliases: [] },
          { id: networks.mcp.id, aliases: [] },
          ...(this.alerts ? [{ id: this.alerts.network.id, aliases: [] }] : []),
          ...(lines ? [{ id: lines.id, aliases: [] }] : []),
        ],
        ports: portsOf(settings, monitoring.container, PORT),
        volumes: [{ volumeName: data.name, containerPath: DATA_FOLDER }],
        user: USER,
        writableTmpMiB: 16,
        memoryMiB: monitoring.memoryMiB,
        // Nobody waits for it.
        cpuShares: 128,
        health: {
          test: ["CMD", "promtool", "check", "ready", `--url=http://${HOST}:${PORT}`],
          intervalSeconds: 10,
          timeoutSeconds: 10,
          retries: 3,
          startPeriodSeconds: 60,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 60 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}

/**
 * Prometheus reads no variable, and shows its command line and its configuration to whoever asks: the tokens are in files of the
 * container's memory. A file cannot be uploaded into a container whose root file system is read-only.
 */
export function startScript({
  settings,
  monitoring,
  ingress,
  hasLines,
}: {
  readonly settings: Pick<Settings, "servers">;
  readonly monitoring: Pick<MonitoringSettings, "days" | "mib" | "alertsNetwork">;
  readonly ingress: string;
  readonly hasLines: boolean;
}): string {
  const scheduledCheck = monitoring.alertsNetwork === undefined ? undefined : `${ALERTS_HOST}:${ALERTS_PORT}`;
  const variables = adaptersOf(settings).map(({ tokenEnv }) => tokenEnv);
  return [
    "set -eu",
    "umask 077",
    ...variablesToFiles(TOKENS_FOLDER, variables),
    `cat > ${CONFIG_FILE} <<'END'`,
    `${renderPrometheusConfig(settings, ingress, scheduledCheck, hasLines)}END`,
    `cat > ${RULES_FILE} <<'END'`,
    `${renderRules()}END`,
    [
      ...["exec prometheus", `--config.file=${CONFIG_FILE}`, `--storage.tsdb.path=${DATA_FOLDER}`],
      ...[`--storage.tsdb.retention.time=${monitoring.days}d`, `--storage.tsdb.retention.size=${monitoring.mib}MB`],
      // By its name on its own network, so that it listens on no other.
      `--web.listen-address=${HOST}:${PORT}`,
    ].join(" "),
  ].join("\n");
}
