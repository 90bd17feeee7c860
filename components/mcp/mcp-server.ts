import { createHash } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ServerSettings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { projectLabel, serviceContainer, type Health } from "../docker/container.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { mcpHealthCommand, mcpHealthScript } from "./mcp-health.ts";
import type { Networks } from "../docker/networks.ts";
import { VolumeOwner } from "../docker/volume-owner.ts";
import { wrapperBuild } from "./wrapper-image.ts";

/** Writable by everyone in the wrapper image, which an empty volume takes over: the server's user is not in the image. */
const DATA_PATH = "/data";

export interface McpServerArgs {
  readonly server: ServerSettings;
  readonly namePrefix: string;
  /** Address of the server that a debug port is published on. */
  readonly lanAddress: string;
  /** Values of `server.secrets` by variable. */
  readonly secrets: Readonly<Record<string, pulumi.Input<string>>>;
  readonly docker: DockerEndpoint;
  readonly networks: Networks;
  /** Postgres runs outside this stack, so that `postgres: true` needs a way out instead of `postgres-net`. */
  readonly postgresIsExternal: boolean;
}

/** One MCP server: its image (pulled, or built from locked packages on the target daemon) and its container. */
export class McpServer extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:mcp:McpServer";
  readonly container: docker.Container;
  /** There when the container is healthy: what needs it depends on this. */
  readonly health: ContainerHealth;

  constructor(name: string, args: McpServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(McpServer.TYPE, name, {}, opts);
    const { server, networks } = args;
    const image = new docker.RemoteImage(
      `${name}-image`,
      // Kept on destroy: rebuilding costs minutes, a leftover image only disk. `docker image prune --all` removes it.
      server.source.kind === "wrapped"
        ? { ...wrapperBuild(server), keepLocally: true }
        : { name: server.source.image, keepLocally: true },
      { parent: this },
    );
    const { source, mounts, data } = server;
    const volume =
      data &&
      new docker.Volume(
        `${name}-data`,
        { name: `${args.namePrefix}${server.host}-data`, labels: [projectLabel] },
        // What clients stored is theirs: it stays when the server is turned off or the stack destroyed, and is found again by its name.
        { parent: this, retainOnDelete: true },
      );
    const containerName = `${args.namePrefix}${server.host}`;
    const user = userFor({
      project: pulumi.getProject(),
      stack: pulumi.getStack(),
      namePrefix: args.namePrefix,
      server: server.name,
    });
    const owned =
      volume &&
      new VolumeOwner(
        `${name}-data-owner`,
        { docker: args.docker, volume, owner: user, image: image.imageId, container: containerName },
        { parent: this },
      );
    const alone = [{ id: networks.mcp.id, aliases: [server.host] }];
    this.container = new docker.Container(
      `${name}-container`,
      serviceContainer({
        containerName,
        image: image.imageId,
        command: server.command,
        env: { ...server.env, ...args.secrets },
        networks: [
          ...alone,
          ...(server.postgres && !args.postgresIsExternal ? [{ id: networks.postgres.id, aliases: [] }] : []),
          ...(needsWayOut(args) ? [{ id: networks.egress.id, aliases: [] }] : []),
        ],
        ...(server.debugPort !== undefined && {
          ports: [{ ip: args.lanAddress, external: server.debugPort, internal: server.port }],
        }),
        volumes: [
          ...mounts.map((mount) => ({ hostPath: mount.source, containerPath: mount.target, readOnly: mount.readOnly })),
          ...(volume ? [{ volumeName: volume.name, containerPath: DATA_PATH }] : []),
        ],
        ...(source.kind === "wrapped" && { user, processes: server.processes }),
        ...(server.writableTmpMiB !== undefined && { writableTmpMiB: server.writableTmpMiB }),
        cpuShares: SERVER_CPU_SHARES,
        memoryMiB: server.memoryMiB,
        health: health(server),
      }),
      { parent: this, dependsOn: owned ? [owned] : [] },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: args.docker, container: this.container, withinSeconds: 150 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}

/** An eighth of what the gateway has, and only while somebody else wants it too: alone, a server takes the whole machine. */
const SERVER_CPU_SHARES = 128;

/** Docker publishes no port of a container that is on internal networks only. */
const needsWayOut = ({ server, postgresIsExternal }: McpServerArgs) =>
  server.egress || server.debugPort !== undefined || (server.postgres && postgresIsExternal);

/**
 * A numeric user of the server's own, in this stack alone: a limit on processes counts all processes of a user on the whole
 * host, and two servers of one user could signal each other wherever they share a PID namespace.
 */
export function userFor({
  project,
  stack,
  namePrefix,
  server,
}: Readonly<Record<"project" | "stack" | "namePrefix" | "server", string>>): string {
  const name = JSON.stringify([project, stack, namePrefix, server]);
  const uid = 900_000 + (createHash("sha256").update(name).digest().readUInt32BE(0) % 90_000);
  return `${uid}:${uid}`;
}

function health(server: ServerSettings): Health | undefined {
  const timing = { intervalSeconds: 15, timeoutSeconds: 20, retries: 3, startPeriodSeconds: 60 };
  const check = {
    transport: server.register,
    url: `http://127.0.0.1:${server.port}${server.path}`,
    timeoutSeconds: 5,
    attempts: 3,
    killAfterSeconds: 60,
    // A tool that takes its time, and the whole server with it, is no server that hangs: whoever called still waits for it.
    inFlightLimitSeconds: 600,
  };
  switch (server.healthcheck) {
    case "image":
      return { ...timing, test: mcpHealthCommand(["python3", "/opt/wrapper/mcp_health.py"], check) };
    case "python":
      return { ...timing, test: mcpHealthCommand(["python3", "-c", mcpHealthScript()], check) };
    case "none":
      return undefined;
  }
}
