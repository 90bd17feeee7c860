import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { OwnLokiSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, portsOf, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";
import { internalNetwork, publishingNetwork } from "../docker/networks.ts";
import { containerOf, dataOf } from "../resource-names.ts";
import type { LokiTarget } from "./lines-arrive.ts";
import { LOKI_DATA_FOLDER, LOKI_HOST, LOKI_PORT, renderLokiConfig } from "./loki-config.ts";

/** Of the image, whose the folder for data is. */
const USER = "10001:10001";
const CONFIG_FILE = "/etc/loki/loki.yaml";

export interface LokiArgs {
  readonly settings: Pick<Settings, "docker" | "publishedPorts">;
  readonly loki: OwnLokiSettings;
}

/**
 * Keeps lines of containers and of calls, which the collector brings. It is on two networks: one that it shares with the collector,
 * where Prometheus asks both whether they are there, and one whose port is on the host's loopback.
 */
export class Loki extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:monitoring:Loki";
  readonly container: docker.Container;
  /** On the network that it shares with the collector. */
  readonly target: LokiTarget;
  /** The one whose port is published. */
  readonly published: docker.Network;
  /** The one that it shares with the collector. */
  readonly lines: docker.Network;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;

  constructor(name: string, { settings, loki }: LokiArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Loki.TYPE, name, {}, opts);
    const data = new docker.Volume(dataOf(name), { name: loki.volume, labels: [projectLabel] }, { parent: this });
    this.published = publishingNetwork(`${name}-net`, loki.network, { parent: this });
    this.lines = internalNetwork(`${name}-lines-net`, loki.linesNetwork, { parent: this });
    const image = daemonImage(name, settings.docker, lokiBuild(loki), { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: loki.container,
        image: image.imageId,
        command: [`-config.file=${CONFIG_FILE}`],
        env: {},
        networks: [
          { id: this.published.id, aliases: [LOKI_HOST] },
          { id: this.lines.id, aliases: [LOKI_HOST] },
        ],
        ports: portsOf(settings, loki.container, LOKI_PORT),
        volumes: [{ volumeName: data.name, containerPath: LOKI_DATA_FOLDER }],
        user: USER,
        writableTmpMiB: 16,
        memoryMiB: loki.memoryMiB,
        // Nobody waits for it.
        cpuShares: 128,
        // It writes down what it has in memory.
        stopSeconds: 30,
        health: {
          // The image has no shell: the program asks itself for /ready.
          test: ["CMD", "/usr/bin/loki", "-health"],
          intervalSeconds: 10,
          timeoutSeconds: 10,
          retries: 3,
          startPeriodSeconds: 60,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 60 },
      { parent: this },
    );
    this.target = {
      ...{ url: `http://${LOKI_HOST}:${LOKI_PORT}`, network: this.lines.id },
      ...{ stack: undefined, header: undefined },
    };
    this.registerOutputs({ container: this.container.name });
  }
}

/**
 * The image with the stack's configuration: it has no shell that could write one, and Docker copies no file into a container whose
 * root file system is read-only.
 */
const lokiBuild = (loki: OwnLokiSettings) =>
  imageBuild({
    // No MCP server's image is called so: their names have no dot.
    name: "loki.configured",
    files: {
      Dockerfile: textFile(`ARG IMAGE\nFROM \${IMAGE}\nCOPY loki.yaml ${CONFIG_FILE}\n`),
      "loki.yaml": textFile(renderLokiConfig(loki)),
    },
    buildArgs: { IMAGE: loki.image },
  });
