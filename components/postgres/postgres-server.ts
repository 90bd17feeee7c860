import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { DedicatedPostgres, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { portsOf, projectLabel, serviceContainer, OLD_ONE_FIRST } from "../docker/container.ts";
import { imageBuild, textFile } from "../docker/image-build.ts";
import { daemonImage } from "../docker/image.ts";
import { internalNetwork, type Networks } from "../docker/networks.ts";
import { adminPasswordOf, containerOf } from "../resource-names.ts";

export const POSTGRES_PORT = 5432;
/** Superuser of the dedicated server, as the `postgres` image creates it. */
export const POSTGRES_ADMIN = "postgres";

/**
 * The extension counts only what it was loaded for at the start. Statements that are no queries it would keep as they are
 * written, with the password of a role that is made.
 */
const WITH_STATISTICS = [
  "postgres",
  "-c",
  "shared_preload_libraries=pg_stat_statements",
  "-c",
  "pg_stat_statements.track_utility=off",
];
const loadsStatistics = ({ readOnly }: DedicatedPostgres) => readOnly.extensions.includes("pg_stat_statements");

const ofImage = (file: string) => textFile(readFileSync(new URL(`./image/${file}`, import.meta.url), "utf8"));

/** The image as it is written, or one that is built on it. */
const imageOf = ({ image, readOnly }: DedicatedPostgres) =>
  readOnly.extensions.includes("hypopg")
    ? imageBuild({
        // No MCP server's image is called so: their names have no dot.
        name: "postgres.hypopg",
        files: { Dockerfile: ofImage("Dockerfile"), "install-hypopg.sh": ofImage("install-hypopg.sh") },
        buildArgs: { IMAGE: image },
      })
    : { name: image };

export interface PostgresServerArgs {
  readonly settings: Pick<Settings, "docker" | "names" | "publishedPorts" | "monitoring">;
  readonly postgres: DedicatedPostgres;
  readonly networks: Networks;
}

/** A Postgres server of this stack's own: container, data volume, superuser password. */
export class PostgresServer extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:postgres:Server";
  /** The name by which other containers on `postgres-net` reach it. */
  static readonly HOST = "postgres";
  readonly adminPassword: pulumi.Output<string>;
  readonly container: docker.Container;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;
  readonly volume: docker.Volume;
  /** Of it and whoever asks it for figures of spend; undefined where nobody does. */
  readonly spendNetwork: docker.Network | undefined;

  constructor(
    name: string,
    { settings, postgres, networks }: PostgresServerArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(PostgresServer.TYPE, name, {}, opts);
    const { names } = settings;
    // The image applies it when it makes the volume and never again: with a new value alone the provider could not log
    // in any more. `npm run rotate` therefore sets it in Postgres as well.
    this.adminPassword = new random.RandomPassword(
      adminPasswordOf(name),
      { length: 32, special: false },
      { parent: this },
    ).result;
    const image = daemonImage(name, settings.docker, imageOf(postgres), { parent: this });
    this.volume = new docker.Volume(
      `${name}-data`,
      { name: names.volumes.postgresData, labels: [projectLabel] },
      { parent: this, protect: postgres.protect },
    );
    const { network: spendNetwork } = settings.monitoring?.spend ?? {};
    this.spendNetwork =
      spendNetwork === undefined ? undefined : internalNetwork(`${name}-spend-net`, spendNetwork, { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      {
        ...serviceContainer({
          containerName: names.containers.postgres,
          image: image.imageId,
          ...(loadsStatistics(postgres) && { command: WITH_STATISTICS }),
          env: {
            POSTGRES_USER: POSTGRES_ADMIN,
            POSTGRES_PASSWORD: this.adminPassword,
            PGDATA: "/var/lib/postgresql/data",
          },
          networks: [
            { id: networks.postgres.id, aliases: [PostgresServer.HOST] },
            { id: networks.lan.id, aliases: [] },
            ...(this.spendNetwork ? [{ id: this.spendNetwork.id, aliases: [PostgresServer.HOST] }] : []),
          ],
          ports: portsOf(settings, names.containers.postgres, POSTGRES_PORT),
          volumes: [{ volumeName: this.volume.name, containerPath: "/var/lib/postgresql/data" }],
          // The image starts as root, hands the data directory to `postgres` and becomes that user.
          capabilities: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"],
          memoryMiB: postgres.memoryMiB,
          health: {
            // Over TCP: while the image initialises, a temporary server on the socket says "ready" and then goes away.
            test: ["CMD", "pg_isready", "-h", "127.0.0.1", "-U", POSTGRES_ADMIN],
            intervalSeconds: 5,
            timeoutSeconds: 5,
            retries: 5,
            startPeriodSeconds: 60,
          },
        }),
        // SIGINT is Postgres's fast shutdown; SIGTERM would wait for every client to leave and end in SIGKILL.
        stopSignal: "SIGINT",
        destroyGraceSeconds: 30,
      },
      { parent: this, ...OLD_ONE_FIRST },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 90 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}
