import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { LogsSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { containerOf } from "../resource-names.ts";
import {
  CALLS_FOLDER,
  COLLECTOR_ADDRESS,
  HEADER_VARIABLE,
  HEALTH_URL,
  LOGS_FOLDER,
  OFFSETS_FOLDER,
  renderCollectorConfig,
} from "./collector-config.ts";
import { LinesArrive, type LokiTarget } from "./lines-arrive.ts";

const PROGRAM = "/otelcol-contrib";
const CONFIG_VARIABLE = "COLLECTOR_CONFIG";

export interface LogCollectorArgs {
  readonly settings: Pick<Settings, "docker">;
  readonly logs: LogsSettings;
  readonly loki: LokiTarget;
  /** Of a container that is thrown away, which asks Loki. */
  readonly image: pulumi.Input<string>;
  readonly gatewayUrl: string;
  /** The record of calls, and the group that may read it. */
  readonly audit: { readonly volume: docker.Volume; readonly group: string };
  /** Those whose logs are read. */
  readonly containers: readonly docker.Container[];
}

/**
 * Reads what Docker has written down of the stack's containers, and the record of calls, and brings both to Loki. It sees the
 * folders of these containers and of no other, has no way to the Docker daemon, and reaches nobody but Loki.
 */
export class LogCollector extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:monitoring:LogCollector";

  constructor(name: string, args: LogCollectorArgs, opts?: pulumi.ComponentResourceOptions) {
    super(LogCollector.TYPE, name, {}, opts);
    const { settings, logs, loki, audit, containers, gatewayUrl } = args;
    const { collector } = logs;
    const offsets = new docker.Volume(
      `${name}-offsets`,
      { name: collector.volume, labels: [projectLabel] },
      { parent: this },
    );
    const image = daemonImage(name, settings.docker, { name: collector.image }, { parent: this });
    const logged = pulumi.all(
      containers.map((one) => pulumi.all([one.id, one.name]).apply(([id, name]) => ({ id, name }))),
    );
    const config = logged.apply((all) =>
      renderCollectorConfig(all, {
        ...{ url: loki.url, stack: loki.stack, header: loki.header?.name },
        memoryMiB: collector.memoryMiB,
      }),
    );
    const container = new docker.Container(
      containerOf(name),
      {
        ...serviceContainer({
          containerName: collector.container,
          image: image.imageId,
          entrypoint: [PROGRAM],
          // The image has no shell that could write a file.
          command: [`--config=env:${CONFIG_VARIABLE}`],
          env: {
            [CONFIG_VARIABLE]: config,
            // The program fills in what a value names.
            ...(loki.header && {
              [HEADER_VARIABLE]: pulumi.output(loki.header.value).apply((value) => value.replaceAll("$", "$$$$")),
            }),
          },
          // On a network of somebody else's another container may have this name.
          networks: [{ id: loki.network, aliases: loki.stack === undefined ? [COLLECTOR_ADDRESS.host] : [] }],
          volumes: [
            ...containers.map((one) => ({
              hostPath: pulumi.interpolate`${logs.dockerRoot}/containers/${one.id}`,
              containerPath: pulumi.interpolate`${LOGS_FOLDER}/${one.name}`,
              readOnly: true,
            })),
            { volumeName: audit.volume.name, containerPath: CALLS_FOLDER, readOnly: true },
            { volumeName: offsets.name, containerPath: OFFSETS_FOLDER },
          ],
          // Docker's files are root's.
          user: "0:0",
          writableTmpMiB: 16,
          memoryMiB: collector.memoryMiB,
          // Nobody waits for it.
          cpuShares: 128,
          health: {
            // There is no other program in the image: it asks itself, and is answered what it takes for a configuration.
            test: ["CMD", PROGRAM, "validate", `--config=${HEALTH_URL}`],
            intervalSeconds: 15,
            timeoutSeconds: 10,
            retries: 3,
            startPeriodSeconds: 60,
          },
        }),
        // Without a capability root reads no file of others, and the record's are the ingress's.
        groupAdds: [audit.group],
      },
      { parent: this, ...OLD_ONE_FIRST },
    );
    const health = new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container, withinSeconds: 60 },
      { parent: this },
    );
    new LinesArrive(
      `${name}-lines-arrive`,
      { docker: settings.docker, loki, image: args.image, question: "has", gatewayUrl, collector: container },
      { parent: this, dependsOn: [health] },
    );
    this.registerOutputs({ container: container.name });
  }
}
