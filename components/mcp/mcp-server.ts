import { createHash } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ServerSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { type Health, portsOf, projectLabel, serviceContainer } from "../docker/container.ts";
import { mcpHealthCommand, mcpHealthScript } from "./mcp-health.ts";
import type { Networks } from "../docker/networks.ts";
import { VolumeOwner } from "../docker/volume-owner.ts";
import { containerOf } from "../resource-names.ts";
import { wrapperBuild } from "./wrapper-image.ts";

/**
 * Writable by everybody in the wrapper image, and an empty volume takes that over: the image does not know the server's
 * user.
 */
const DATA_PATH = "/data";

export interface McpServerArgs {
  readonly settings: Pick<Settings, "docker" | "namePrefix" | "publishedPorts" | "postgres">;
  readonly server: ServerSettings;
  /** Values of `server.secrets` by variable. */
  readonly secrets: Readonly<Record<string, pulumi.Input<string>>>;
  readonly networks: Networks;
}

/** One MCP server: its image (pulled, or built from locked packages on the target daemon) and its container. */
export class McpServer extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:mcp:McpServer";
  readonly container: docker.Container;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;

  constructor(
    name: string,
    { settings, server, secrets, networks }: McpServerArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(McpServer.TYPE, name, {}, opts);
    const { docker: endpoint, namePrefix, postgres } = settings;
    const { source, mounts } = server;
    const image = new docker.RemoteImage(
      `${name}-image`,
      // Kept on destroy: rebuilding costs minutes, a leftover image only disk. `docker image prune --all` removes it.
      { ...(source.kind === "wrapped" ? wrapperBuild(server) : { name: source.image }), keepLocally: true },
      { parent: this },
    );
    const user = userFor({
      project: pulumi.getProject(),
      stack: pulumi.getStack(),
      namePrefix,
      server: server.name,
    });
    const volume =
      server.dataVolume === undefined
        ? undefined
        : new docker.Volume(
            `${name}-data`,
            { name: server.dataVolume, labels: [projectLabel] },
            // What clients stored is theirs: it stays when the server is turned off or the stack destroyed, and is
            // found again by its name.
            { parent: this, retainOnDelete: true },
          );
    const owned =
      volume &&
      new VolumeOwner(
        `${name}-data-owner`,
        { docker: endpoint, volume, owner: user, image: image.imageId, container: server.container },
        { parent: this },
      );
    const isPostgresOutside = postgres.kind === "existing";
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: server.container,
        image: image.imageId,
        command: server.command,
        env: { ...server.env, ...secrets },
        networks: [
          { id: networks.mcp.id, aliases: [server.host] },
          ...(server.postgres && !isPostgresOutside ? [{ id: networks.postgres.id, aliases: [] }] : []),
          ...(needsWayOut(server, isPostgresOutside) ? [{ id: networks.egress.id, aliases: [] }] : []),
        ],
        ports: portsOf(settings, server.container, server.port),
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
      { docker: endpoint, container: this.container, withinSeconds: 150 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}

/**
 * An eighth of the gateway's weight, which counts only while others need the processors as well: alone, a server may
 * use all of them.
 */
const SERVER_CPU_SHARES = 128;

/** A debug port needs it too: Docker publishes no port of a container that is on internal networks only. */
const needsWayOut = ({ egress, debugPort, postgres }: ServerSettings, isPostgresOutside: boolean) =>
  egress || debugPort !== undefined || (postgres && isPostgresOutside);

/**
 * A numeric user of the server's own, in this stack alone: a limit on processes counts all processes of a user on the
 * whole host, and two servers of one user could signal each other wherever they share a PID namespace.
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
    // A slow tool may block its whole server. That is no server that hangs: whoever called still waits for the answer.
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
