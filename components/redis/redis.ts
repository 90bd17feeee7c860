import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { RedisSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { serviceContainer, OLD_ONE_FIRST } from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { internalNetwork } from "../docker/networks.ts";
import { containerOf, redisPasswordOf } from "../resource-names.ts";

/** In the images of Redis and Valkey; it needs no right to any file. */
const USER = "999:999";

export interface RedisArgs {
  readonly settings: Pick<Settings, "docker">;
  readonly redis: RedisSettings;
}

/** What LiteLLM keeps in memory beside itself. Nobody else is on its network, and nothing of it is on disk. */
export class Redis extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:redis:Redis";
  readonly password: pulumi.Output<string>;
  readonly network: docker.Network;
  readonly container: docker.Container;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;

  constructor(name: string, { settings, redis }: RedisArgs, opts?: pulumi.ComponentResourceOptions) {
    super(Redis.TYPE, name, {}, opts);
    this.password = new random.RandomPassword(
      redisPasswordOf(name),
      { length: 40, special: false },
      { parent: this },
    ).result;
    const image = daemonImage(name, settings.docker, { name: redis.image }, { parent: this });
    this.network = internalNetwork(`${name}-net`, redis.network, { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: redis.container,
        image: image.imageId,
        entrypoint: ["sh", "-c"],
        command: [startScript(redis.memoryMiB)],
        // redis-cli reads it as well. On a command line everybody on the host would read it.
        env: { REDISCLI_AUTH: this.password },
        networks: [{ id: this.network.id, aliases: [redis.host] }],
        user: USER,
        writableTmpMiB: 16,
        memoryMiB: redis.memoryMiB,
        health: {
          // It answers NOAUTH with exit code 0.
          test: ["CMD-SHELL", 'test "$(redis-cli ping)" = PONG'],
          intervalSeconds: 10,
          timeoutSeconds: 5,
          retries: 3,
          startPeriodSeconds: 30,
        },
      }),
      { parent: this, ...OLD_ONE_FIRST },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: settings.docker, container: this.container, withinSeconds: 60 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}

/** Settings come through standard input, so that no file and no command line has the password. */
const startScript = (memoryMiB: number) =>
  [
    "exec redis-server - <<END",
    "requirepass $REDISCLI_AUTH",
    'save ""',
    "appendonly no",
    "dir /tmp",
    // The rest is for connections and what Redis itself takes.
    `maxmemory ${Math.floor(memoryMiB * 0.7)}mb`,
    "maxmemory-policy allkeys-lru",
    "END",
  ].join("\n");
