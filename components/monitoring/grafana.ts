import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { GrafanaSettings, PostgresSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, portsOf, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { imageBuild } from "../docker/image-build.ts";
import type { NetworkToJoin } from "../docker/networks.ts";
import { adminPasswordOf, containerOf, dataOf, GRAFANA_CHECK } from "../resource-names.ts";
import { GrafanaCheck } from "./grafana-check.ts";
import {
  GRAFANA_DATA_FOLDER,
  GRAFANA_PORT,
  grafanaContent,
  grafanaFiles,
  grafanaScript,
  grafanaVariables,
  SPEND_PASSWORD,
} from "./grafana-config.ts";
import type { Loki } from "./loki.ts";
import type { Prometheus } from "./prometheus.ts";

/** Of the image, whose the folder for data is. */
const USER = "472:0";

export interface GrafanaArgs {
  readonly settings: Pick<Settings, "docker" | "publishedPorts">;
  readonly grafana: GrafanaSettings;
  readonly prometheus: Prometheus;
  readonly loki: Loki | undefined;
  /** Undefined where nobody reads what was spent. */
  readonly spend: GrafanaSpend | undefined;
}

/** LiteLLM's database, for a login that reads figures of spend. */
export interface GrafanaSpend {
  readonly postgres: PostgresSettings;
  readonly network: NetworkToJoin;
  /** Of `spend_reader`; secret. */
  readonly password: pulumi.Input<string>;
  /** What it reads. */
  readonly views: pulumi.Resource;
}

/**
 * Shows what Prometheus and Loki keep, and what clients have spent, to whoever has the password. It is on their networks, from one of
 * which its port is published on the host's loopback, and none of them is another one because of it.
 */
export class Grafana extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:monitoring:Grafana";
  readonly password: pulumi.Output<string>;
  readonly container: docker.Container;

  constructor(name: string, args: GrafanaArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Grafana.TYPE, name, {}, opts);
    const { settings, grafana, prometheus, loki, spend } = args;
    const content = grafanaContent(loki !== undefined, spend?.postgres);
    const secrets = { ...(spend && { [SPEND_PASSWORD]: spend.password }) };
    this.password = new random.RandomPassword(
      adminPasswordOf(name),
      { length: 40, special: false },
      { parent: this },
    ).result;
    const data = new docker.Volume(dataOf(name), { name: grafana.volume, labels: [projectLabel] }, { parent: this });
    const build = imageBuild({
      // No MCP server's image is called so: their names have no dot.
      name: "grafana.configured",
      files: grafanaFiles(content),
      buildArgs: { IMAGE: grafana.image },
    });
    const image = daemonImage(name, settings.docker, build, { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: grafana.container,
        image: image.imageId,
        entrypoint: ["sh", "-c"],
        command: [grafanaScript(Object.keys(secrets))],
        env: { ...grafanaVariables(grafana.port), ...secrets },
        networks: [
          ...[prometheus.network, ...(loki ? [loki.published] : [])].map(({ id }) => ({ id, aliases: ["grafana"] })),
          // On a network of somebody else's another container may have this name.
          ...(spend ? [{ id: spend.network.id, aliases: [] }] : []),
        ],
        ports: portsOf(settings, grafana.container, GRAFANA_PORT),
        volumes: [{ volumeName: data.name, containerPath: GRAFANA_DATA_FOLDER }],
        user: USER,
        writableTmpMiB: 64,
        memoryMiB: grafana.memoryMiB,
        // Nobody waits for it.
        cpuShares: 128,
        // It closes its database.
        stopSeconds: 30,
        health: {
          test: [
            ...["CMD", "curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--max-time", "5"],
            `http://127.0.0.1:${GRAFANA_PORT}/api/health`,
          ],
          intervalSeconds: 10,
          timeoutSeconds: 10,
          retries: 3,
          // The first start makes a database, by some hundred steps.
          startPeriodSeconds: 120,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    const health = new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 180 },
      { parent: this },
    );
    new GrafanaCheck(
      GRAFANA_CHECK,
      {
        docker: settings.docker,
        ...{ container: this.container, volume: grafana.volume, password: this.password, content },
        triggers: [prometheus.container.id, ...(loki ? [loki.container.id] : [])],
      },
      { parent: this, dependsOn: [health, prometheus, ...(loki ? [loki] : []), ...(spend ? [spend.views] : [])] },
    );
    this.registerOutputs({ container: this.container.name });
  }
}
