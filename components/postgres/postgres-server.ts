import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { LOOPBACK } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { projectLabel, serviceContainer } from "../docker/container.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import type { Networks } from "../docker/networks.ts";

export const POSTGRES_PORT = 5432;
/** Superuser of the dedicated server, as the `postgres` image creates it. */
export const POSTGRES_ADMIN = "postgres";

export interface PostgresServerArgs {
  readonly image: string;
  readonly namePrefix: string;
  /** Port on the host's loopback, where Pulumi's postgresql provider connects. */
  readonly port: number;
  readonly memoryMiB: number;
  /** Refuse to destroy the data volume. */
  readonly protect: boolean;
  readonly docker: DockerEndpoint;
  readonly networks: Networks;
}

/** A Postgres server of this stack's own: container, data volume, superuser password. */
export class PostgresServer extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:postgres:Server";
  /** Name other containers on `postgres-net` reach it by. */
  static readonly HOST = "postgres";
  readonly adminPassword: pulumi.Output<string>;
  readonly container: docker.Container;
  /** There when the container is healthy: what needs it depends on this. */
  readonly health: ContainerHealth;
  readonly volume: docker.Volume;

  constructor(name: string, args: PostgresServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(PostgresServer.TYPE, name, {}, opts);
    // The image applies it when it makes the volume and never again: a new value would lock the provider out, so nothing may replace it.
    this.adminPassword = new random.RandomPassword(
      `${name}-admin-password`,
      { length: 32, special: false },
      { parent: this },
    ).result;
    const image = new docker.RemoteImage(`${name}-image`, { name: args.image, keepLocally: true }, { parent: this });
    this.volume = new docker.Volume(
      `${name}-data`,
      { name: `${args.namePrefix}postgres-data`, labels: [projectLabel] },
      { parent: this, protect: args.protect },
    );
    this.container = new docker.Container(
      `${name}-container`,
      {
        ...serviceContainer({
          containerName: `${args.namePrefix}postgres`,
          image: image.imageId,
          env: {
            POSTGRES_USER: POSTGRES_ADMIN,
            POSTGRES_PASSWORD: this.adminPassword,
            PGDATA: "/var/lib/postgresql/data",
          },
          networks: [
            { id: args.networks.postgres.id, aliases: [PostgresServer.HOST] },
            { id: args.networks.lan.id, aliases: [] },
          ],
          ports: [{ ip: LOOPBACK, external: args.port, internal: POSTGRES_PORT }],
          volumes: [{ volumeName: this.volume.name, containerPath: "/var/lib/postgresql/data" }],
          // The image starts as root, hands the data directory to `postgres` and becomes that user.
          capabilities: ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID"],
          memoryMiB: args.memoryMiB,
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
      { parent: this },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: args.docker, container: this.container, withinSeconds: 90 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}
