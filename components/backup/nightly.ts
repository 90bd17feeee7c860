import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { BackupSettings, PostgresSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { OLD_ONE_FIRST, projectLabel, serviceContainer } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";
import type { Networks } from "../docker/networks.ts";
import { networkTo } from "../postgres/databases.ts";
import { PostgresServer, POSTGRES_ADMIN, POSTGRES_PORT } from "../postgres/postgres-server.ts";
import { BACKUPS, containerOf, NIGHTLY_SCRIPT } from "../resource-names.ts";

const ofImage = (file: string) => textFile(readFileSync(new URL(`./image/${file}`, import.meta.url), "utf8"));
const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};

const BACKUPS_FOLDER = "/backups";
const VOLUMES_FOLDER = "/volumes";
const TOLD_FOLDER = "/told";
/** The healthcheck waits until the first backup was made: a green `up` has made one. */
const FIRST_SECONDS = 1_800;

/** A volume whose content cannot be made again. */
export interface StoredVolume {
  /** Of its resource. */
  readonly name: string;
  readonly volume: docker.Volume;
}

export interface NightlyBackupArgs {
  readonly settings: Pick<Settings, "docker" | "gateway" | "postgres">;
  readonly backup: BackupSettings;
  readonly networks: Networks;
  readonly adminPassword: pulumi.Input<string>;
  /** Those that the stack has made. */
  readonly databases: readonly string[];
  readonly volumes: readonly StoredVolume[];
}

/**
 * Makes a backup each day, and is unhealthy when the last one failed or is too old. It has no way to the Docker daemon: it logs
 * in to Postgres as its administrator, and reads the volumes, which it cannot write.
 */
export class NightlyBackup extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:backup:Nightly";
  readonly container: docker.Container;
  /** What is wrong with the backups, in `problems`: empty when nothing is. */
  readonly told: docker.Volume;

  constructor(name: string, args: NightlyBackupArgs, opts?: pulumi.ComponentResourceOptions) {
    super(NightlyBackup.TYPE, name, {}, opts);
    const { settings, backup, networks, adminPassword, databases, volumes } = args;
    const built = imageBuild({
      // No MCP server's image is called so: their names have no dot.
      name: "postgres.nightly",
      files: Object.fromEntries(["Dockerfile", "install-age.sh", "nightly.sh"].map((file) => [file, ofImage(file)])),
      buildArgs: { IMAGE: backup.image, ...(backup.recipients.length && { ENCRYPTS: "yes" }) },
    });
    const image = daemonImage(name, settings.docker, built, { parent: this });
    const target =
      backup.to === undefined
        ? {
            volumeName: new docker.Volume(
              BACKUPS,
              { name: backup.volume, labels: [projectLabel] },
              // A backup that goes with what it is of is none.
              { parent: this, retainOnDelete: true },
            ).name,
          }
        : { hostPath: backup.to };
    this.told = new docker.Volume(
      `${name}-told`,
      { name: backup.toldVolume, labels: [projectLabel] },
      { parent: this },
    );
    const variables = nightlyVariables({
      ...{ settings, backup, databases, stored: volumes.map((one) => one.name) },
      ...{ project: pulumi.getProject(), stack: pulumi.getStack() },
    });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: backup.container,
        image: image.imageId,
        entrypoint: ["bash", NIGHTLY_SCRIPT],
        env: { ...variables, PGPASSWORD: adminPassword },
        networks: [{ id: networks[networkTo(settings.postgres)].id, aliases: [] }],
        volumes: [
          { ...target, containerPath: BACKUPS_FOLDER },
          { volumeName: this.told.name, containerPath: TOLD_FOLDER },
          ...volumes.map((one) => ({
            ...{ volumeName: one.volume.name, containerPath: `${VOLUMES_FOLDER}/${one.name}`, readOnly: true },
          })),
        ],
        user: "0:0",
        // Each server's files are its own user's alone.
        capabilities: ["CAP_DAC_OVERRIDE"],
        writableTmpMiB: 16,
        memoryMiB: 256,
        // Nobody waits for it.
        cpuShares: 128,
        health: {
          test: ["CMD", "bash", NIGHTLY_SCRIPT, "health"],
          intervalSeconds: 10,
          timeoutSeconds: FIRST_SECONDS,
          retries: 1,
          startPeriodSeconds: 0,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: FIRST_SECONDS },
      { parent: this },
    );
    this.registerOutputs({});
  }
}

/** What `nightly.sh` and the programs of Postgres are told; the password is not among it. */
export function nightlyVariables({
  settings: { gateway, postgres },
  backup,
  databases,
  stored,
  project,
  stack,
}: {
  readonly settings: Pick<NightlyBackupArgs["settings"], "gateway" | "postgres">;
  readonly backup: BackupSettings;
  readonly databases: readonly string[];
  /** Names of the volumes. */
  readonly stored: readonly string[];
  readonly project: string;
  readonly stack: string;
}): Record<string, string> {
  return {
    ...loginOf(postgres),
    ...(backup.recipients.length && { RECIPIENTS: backup.recipients.join(" ") }),
    ...{ AT: backup.at, KEEP: String(backup.keep), CONTAINER: backup.container },
    ...{ BACKUPS: BACKUPS_FOLDER, VOLUMES: VOLUMES_FOLDER, TOLD: TOLD_FOLDER, RUNTIME: "/tmp" },
    ...{ DATABASES: databases.join(" "), STORED: stored.join(" ") },
    ...{ PROJECT: project, STACK: stack, PROGRAM: version, LITELLM: gateway.image },
  };
}

/** As libpq's variables have it. */
function loginOf(postgres: PostgresSettings): Record<string, string> {
  const patience = { PGCONNECT_TIMEOUT: "30" };
  if (postgres.kind === "dedicated")
    return {
      ...{ PGHOST: PostgresServer.HOST, PGPORT: String(POSTGRES_PORT), PGUSER: POSTGRES_ADMIN, PGSSLMODE: "disable" },
      ...patience,
    };
  const { host, port, adminUser, sslmode = "require" } = postgres;
  return {
    ...{ PGHOST: host, PGPORT: String(port), PGUSER: adminUser, PGSSLMODE: sslmode },
    // It looks at the certificate with those of the system only when it is told to.
    ...(sslmode.startsWith("verify") && { PGSSLROOTCERT: "system" }),
    ...patience,
  };
}
