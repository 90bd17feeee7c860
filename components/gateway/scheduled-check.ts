import { readFileSync } from "node:fs";
import path from "node:path";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ExpectedClient, ExpectedServer } from "../../check/expectations.ts";
import { STATE_FILE } from "../../check/scheduled/state.ts";
import { bundle } from "../../lib/bundle.ts";
import { projectRoot } from "../../lib/project-root.ts";
import type { ScheduledCheckSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";
import type { Networks } from "../docker/networks.ts";
import { containerOf, SCHEDULED_CHECK_STATE } from "../resource-names.ts";
import { expected } from "./gateway-check.ts";
import { INGRESS_PORT } from "./ingress.ts";

/** More than it takes for one that is late; then the container is unhealthy. */
const LATE_MINUTES = 5;

export interface ScheduledCheckArgs {
  readonly settings: Pick<Settings, "docker" | "gateway" | "names" | "servers">;
  readonly check: ScheduledCheckSettings;
  /** Of `check.client`; secret. */
  readonly key: pulumi.Input<string>;
  readonly networks: Networks;
  /** The volume in which the backup of each day says what is wrong; undefined where none is made. */
  readonly backup: docker.Volume | undefined;
  /** Where Prometheus tells of its alerts and asks for figures, on a network of the two; undefined where there is none. */
  readonly alerts: { readonly network: docker.Network; readonly host: string; readonly port: number } | undefined;
  /** A secret of the stack by name. */
  readonly secret: (name: string) => pulumi.Output<string>;
}

/**
 * Keeps looking at the gateway between two `up`s: lists and calls, tries what must fail, and tells somebody. It has a client's
 * key, and no way to the Docker daemon.
 */
export class ScheduledCheck extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:ScheduledCheck";
  readonly container: docker.Container;

  constructor(name: string, args: ScheduledCheckArgs, opts?: pulumi.ComponentResourceOptions) {
    super(ScheduledCheck.TYPE, name, {}, opts);
    const { settings, check, key, networks, backup, alerts, secret } = args;
    const state = new docker.Volume(
      SCHEDULED_CHECK_STATE,
      { name: check.volume, labels: [projectLabel] },
      { parent: this },
    );
    const image = daemonImage(name, settings.docker, scheduledCheckBuild(), { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: check.container,
        image: image.imageId,
        env: {
          ...scheduledCheckVariables(settings, check, pulumi.getStack()),
          CLIENT_KEY: key,
          ...(backup && { BACKUP_FOLDER }),
          ...(alerts && { ALERTS_AT: `${alerts.host}:${alerts.port}` }),
          ...(check.alert?.header && { ALERT_HEADER_VALUE: secret(check.alert.header.secret) }),
        },
        // Where the ingress is, with a way to whoever is told.
        networks: [
          { id: networks.lan.id, aliases: [] },
          ...(alerts ? [{ id: alerts.network.id, aliases: [alerts.host] }] : []),
        ],
        volumes: [
          { volumeName: state.name, containerPath: STATE_FOLDER },
          ...(backup ? [{ volumeName: backup.name, containerPath: BACKUP_FOLDER, readOnly: true }] : []),
        ],
        writableTmpMiB: 16,
        memoryMiB: 192,
        // Nobody waits for it.
        cpuShares: 128,
        health: {
          test: ["CMD-SHELL", healthcheck(check.minutes)],
          intervalSeconds: 5,
          timeoutSeconds: 5,
          retries: 1,
          // The first run, and the second that one which failed is given.
          startPeriodSeconds: 60,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 120 },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** As `check/scheduled/Dockerfile` has it. */
const STATE_FOLDER = "/var/lib/check";
const BACKUP_FOLDER = "/backup";
/** What it has found, in its container. */
export const SCHEDULED_CHECK_STATE_FILE = `${STATE_FOLDER}/${STATE_FILE}`;

/** `check/scheduled/main.ts` writes the files. */
const healthcheck = (minutes: number) =>
  `cat /tmp/said; test -n "$(find /tmp -name well -mmin -${minutes + LATE_MINUTES})"`;

/** What `check/scheduled/main.ts` is told; keys are not among it. */
export function scheduledCheckVariables(
  { gateway, names, servers }: Pick<Settings, "gateway" | "names" | "servers">,
  { client, minutes, alert }: ScheduledCheckSettings,
  stack: string,
): Record<string, string> {
  const told: { readonly servers: readonly ExpectedServer[]; readonly rules: ExpectedClient["rules"] } = {
    servers: servers.map(expected).map((server) => ({ ...server, lock: lockOf(server), adapter: null })),
    rules: client.rules,
  };
  return {
    GATEWAY_URL: `http://${names.containers.ingress}:${INGRESS_PORT}`,
    CLIENT: client.name,
    EXPECTED: JSON.stringify(told),
    MINUTES: String(minutes),
    STATE_FOLDER,
    STACK: stack,
    TOLD_URL: gateway.url,
    ...(alert && { ALERT_URL: alert.url, ...(alert.header && { ALERT_HEADER: alert.header.name }) }),
  };
}

/** Its key is shown no other tool. */
function lockOf({ lock, call }: ExpectedServer): ExpectedServer["lock"] {
  const approved = call && lock?.[call.tool];
  return approved ? { [call.tool]: approved } : null;
}

/** The image, built on the target daemon and named by what went into it. */
function scheduledCheckBuild() {
  return imageBuild({
    // No MCP server's image is called so: their names have no dash.
    name: "scheduled-check",
    files: {
      "check.mjs": textFile(bundle("check/scheduled/main.ts")),
      Dockerfile: textFile(readFileSync(path.join(projectRoot, "check/scheduled/Dockerfile"), "utf8")),
    },
  });
}
