import { createHash } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { AdapterSettings, ServerSettings, Settings } from "../../settings/settings.ts";
import { nativeHost } from "../../settings/resolve/daemon-names.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import {
  type Health,
  portsOf,
  projectLabel,
  type ServiceContainerArgs,
  OLD_ONE_FIRST,
  serviceContainer,
} from "../docker/container.ts";
import { daemonImage } from "../docker/image.ts";
import { internalNetwork, type Networks } from "../docker/networks.ts";
import { VolumeOwner } from "../docker/volume-owner.ts";
import { adapterOf, adapterTokenOf, containerOf } from "../resource-names.ts";
import { adapterEnv, adapterHealth } from "./adapter.ts";
import { adapterImage } from "./adapter-image.ts";
import { mcpHealthCommand, mcpHealthScript } from "./mcp-health.ts";

/**
 * Writable by everybody in the image of a package, and an empty volume takes that over: the image does not know the
 * server's user.
 */
const DATA_PATH = "/data";
/** An eighth of LiteLLM's weight, which counts only while others need the processors as well. */
const SERVER_CPU_SHARES = 128;
/** Of an adapter in a container of its own: 60 MiB, and room for the requests and answers that it has at once. */
const ADAPTER_MEMORY_MIB = 256;
const ADAPTER_PROCESSES = 64;
const HEALTHY_WITHIN_SECONDS = 150;

export interface McpServerArgs {
  readonly settings: Pick<Settings, "docker" | "namePrefix" | "publishedPorts" | "postgres">;
  readonly server: ServerSettings;
  /** Values of `server.secrets` by variable. */
  readonly secrets: Readonly<Record<string, pulumi.Input<string>>>;
  /** A secret of the stack by name. */
  readonly secret: (name: string) => pulumi.Input<string>;
  readonly networks: Networks;
  /** Postgres's container, where it is the stack's own. */
  readonly postgres: docker.Container | undefined;
}

type Network = ServiceContainerArgs["networks"][number];

/**
 * One MCP server. A package runs in one container with its adapter, which starts it. An image has a container of its own,
 * on a network that it shares with that of its adapter alone. Of a server that runs elsewhere there is only the adapter.
 */
export class McpServer extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:mcp:McpServer";
  /** What the adapter asks for, and LiteLLM sends; undefined where there is no adapter. */
  readonly token: pulumi.Output<string> | undefined;
  readonly containers: readonly docker.Container[];
  /** What clients stored in it; undefined where it stores nothing. */
  readonly stored: docker.Volume | undefined;
  /** Made when its containers are healthy; what needs the server depends on these. */
  readonly health: readonly ContainerHealth[];

  constructor(name: string, args: McpServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super(McpServer.TYPE, name, {}, opts);
    const { adapter, source } = args.server;
    this.token =
      adapter &&
      new random.RandomPassword(adapterTokenOf(name), { length: 40, special: false }, { parent: this }).result;
    const made: { container: docker.Container; health: ContainerHealth; volume?: docker.Volume }[] = [];
    if (source.kind === "wrapped") made.push(this.#package(name, args));
    else {
      const own = adapter?.upstream?.network;
      const network = own === undefined ? undefined : internalNetwork(`${name}-net`, own, { parent: this });
      if (source.kind === "native") made.push(this.#image(name, source.image, args, network));
      if (adapter) made.push(this.#adapter(adapterOf(name), adapter, args, network));
    }
    this.stored = made[0]?.volume;
    this.containers = made.map(({ container }) => container);
    this.health = made.map(({ health }) => health);
    this.registerOutputs({});
  }

  #package(name: string, args: McpServerArgs) {
    const { settings, server, secrets, secret, networks } = args;
    const { adapter } = server;
    if (!adapter) throw new Error(`${server.name}: a package needs the adapter, which starts it`);
    const image = daemonImage(name, settings.docker, adapterImage(server), { parent: this });
    const user = ownUser(settings, server.name);
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
        { docker: settings.docker, volume, owner: user, image: image.imageId, container: server.container },
        { parent: this },
      );
    const run = this.#run(
      name,
      settings,
      {
        ...common(server),
        containerName: server.container,
        image: image.imageId,
        command: ["serve", ...server.command],
        env: { ...server.env, ...secrets, ...adapterEnv(server, adapter, this.token!, secret) },
        networks: [{ id: networks.mcp.id, aliases: [server.host] }, ...furtherNetworks(settings, server, networks)],
        ports: portsOf(settings, server.container, server.port),
        volumes: [...mountsOf(server), ...(volume ? [{ volumeName: volume.name, containerPath: DATA_PATH }] : [])],
        user,
        processes: server.processes,
        health: adapterHealth,
      },
      { dependsOn: owned ? [owned] : [], ...withPostgres(args) },
    );
    return { ...run, ...(volume && { volume }) };
  }

  /** @param network Shared with the adapter; undefined: the server has none, and LiteLLM comes to it. */
  #image(name: string, reference: string, args: McpServerArgs, network: docker.Network | undefined) {
    const { settings, server, secrets, networks } = args;
    const entrance: Network = { id: network?.id ?? networks.mcp.id, aliases: [nativeHost(server.name)] };
    return this.#run(
      name,
      settings,
      {
        ...common(server),
        containerName: server.container,
        image: daemonImage(name, settings.docker, { name: reference }, { parent: this }).imageId,
        command: server.command,
        env: { ...server.env, ...secrets },
        networks: [entrance, ...furtherNetworks(settings, server, networks)],
        ports: portsOf(settings, server.container, server.port),
        volumes: mountsOf(server),
        health: nativeHealth(server),
      },
      withPostgres(args),
    );
  }

  #adapter(
    name: string,
    adapter: AdapterSettings,
    { settings, server, secret, networks }: McpServerArgs,
    network: docker.Network | undefined,
  ) {
    const ports = portsOf(settings, adapter.container, server.port);
    return this.#run(name, settings, {
      containerName: adapter.container,
      image: daemonImage(name, settings.docker, adapterImage(server), { parent: this }).imageId,
      command: ["connect"],
      env: adapterEnv(server, adapter, this.token!, secret),
      networks: [
        { id: networks.mcp.id, aliases: [server.host] },
        ...(network ? [{ id: network.id, aliases: [] }] : []),
        // What runs elsewhere is reached by it. Docker publishes no port of a container that is on internal networks only.
        ...(!network || ports.length ? [{ id: networks.egress.id, aliases: [] }] : []),
      ],
      ports,
      user: ownUser(settings, `${server.name}-adapter`),
      processes: ADAPTER_PROCESSES,
      writableTmpMiB: 16,
      cpuShares: SERVER_CPU_SHARES,
      memoryMiB: ADAPTER_MEMORY_MIB,
      health: adapterHealth,
    });
  }

  #run(
    name: string,
    { docker: endpoint }: McpServerArgs["settings"],
    args: ServiceContainerArgs,
    opts: pulumi.CustomResourceOptions = {},
  ) {
    const container = new docker.Container(containerOf(name), serviceContainer(args), {
      parent: this,
      ...OLD_ONE_FIRST,
      ...opts,
    });
    const health = new ContainerHealth(
      `${name}-health`,
      { docker: endpoint, container, withinSeconds: HEALTHY_WITHIN_SECONDS },
      { parent: this },
    );
    return { container, health };
  }
}

/** Connections that a server has kept are dead once Postgres's container is another, and its next calls would fail. */
const withPostgres = ({ server, postgres }: McpServerArgs): pulumi.CustomResourceOptions =>
  server.postgres && postgres ? { replaceWith: [postgres] } : {};

const common = (server: ServerSettings) => ({
  ...(server.writableTmpMiB !== undefined && { writableTmpMiB: server.writableTmpMiB }),
  cpuShares: SERVER_CPU_SHARES,
  memoryMiB: server.memoryMiB,
});

const mountsOf = ({ mounts }: ServerSettings) =>
  mounts.map((mount) => ({ hostPath: mount.source, containerPath: mount.target, readOnly: mount.readOnly }));

/** What the server reaches, beside those who speak to it. */
function furtherNetworks(
  settings: McpServerArgs["settings"],
  { container, egress, postgres, port }: ServerSettings,
  networks: Networks,
): Network[] {
  const isPostgresOutside = settings.postgres.kind === "existing" && settings.postgres.network === undefined;
  // A port needs it too: Docker publishes none of a container that is on internal networks only.
  const needsWayOut = egress || (postgres && isPostgresOutside) || portsOf(settings, container, port).length > 0;
  return [
    ...(postgres && !isPostgresOutside ? [{ id: networks.postgres.id, aliases: [] }] : []),
    ...(needsWayOut ? [{ id: networks.egress.id, aliases: [] }] : []),
  ];
}

/**
 * A numeric user of the container's own, in this stack alone: a limit on processes counts all processes of a user on the
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

const ownUser = ({ namePrefix }: Pick<Settings, "namePrefix">, server: string) =>
  userFor({ project: pulumi.getProject(), stack: pulumi.getStack(), namePrefix, server });

/** The adapter can only connect again; to end a server that hangs, somebody has to ask it in its own container. */
function nativeHealth({ healthcheck, adapter, register, url, port }: ServerSettings): Health | undefined {
  if (healthcheck === "none") return undefined;
  const endpoint = adapter?.upstream ?? { transport: register, url };
  const { pathname, port: upstreamPort } = new URL(endpoint.url);
  return {
    test: mcpHealthCommand(["python3", "-c", mcpHealthScript()], {
      transport: endpoint.transport,
      url: `http://127.0.0.1:${upstreamPort || port}${pathname}`,
      timeoutSeconds: 5,
      attempts: 3,
      killAfterSeconds: 60,
      // A slow tool may block its whole server. That is no server that hangs: whoever called still waits for the answer.
      inFlightLimitSeconds: 600,
    }),
    ...{ intervalSeconds: 15, timeoutSeconds: 20, retries: 3, startPeriodSeconds: 60 },
  };
}
