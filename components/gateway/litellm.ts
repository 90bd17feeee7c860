import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { SENSITIVE } from "../../lib/sensitive.ts";
import type { GuardSettings, Settings } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { type Health, portsOf, serviceContainer, OLD_ONE_FIRST } from "../docker/container.ts";
import { mcpHealthCommand, mcpHealthScript } from "../mcp/mcp-health.ts";
import { daemonImage } from "../docker/image.ts";
import type { Networks, NetworkToJoin } from "../docker/networks.ts";
import { containerOf, masterKeyOf } from "../resource-names.ts";
import { INGRESS_INNER_URL, LITELLM_CONFIG, LITELLM_HOST, LITELLM_PORT, RELAY_PORT } from "./addresses.ts";
import { isRelayed, REDIS_PASSWORD, renderLiteLlmConfig, spendWrittenWithin } from "./litellm-config.ts";

const HEALTH_FILE = "/app/mcp_health.py";
const LAUNCHER_FILE = "/app/litellm_launcher.py";
/** Beside the launcher, which imports it. */
const RELAY_FILE = "/app/mcp_relay.py";
const MASK_FILE = "/app/litellm_masked_log.py";
const PID_FILE = "/tmp/litellm.pid";
/** Answers as soon as LiteLLM is up, and says nothing about /mcp/. */
/**
 * How long LiteLLM keeps a connection that is idle; the ingress closes its own after 2 s. By itself it is 5 s, and its event loop
 * stands still for 4 s and more under load: uvicorn then finds its time over before it reads the call that has come, and closes
 * the connection under it.
 */
const KEEP_ALIVE_SECONDS = 75;
const ALIVE_URL = `http://127.0.0.1:${LITELLM_PORT}/health/liveliness`;
const launcherSource = new URL("./litellm_launcher.py", import.meta.url);
const relaySource = new URL("./mcp_relay.py", import.meta.url);
const maskSource = new URL("./litellm_masked_log.py", import.meta.url);
const callMaskSource = new URL("./mask_tool_calls.py", import.meta.url);
/** The ingress waits 30 s for running requests to end; the launcher gives it a little more. */
const HOLD_SECONDS = 32;
/** From SIGTERM to SIGKILL: an idle LiteLLM is gone in 2 s, one that is locked up never goes. */
const STOP_SECONDS = 20;

export interface LiteLlmArgs {
  readonly settings: Pick<
    Settings,
    | "docker"
    | "names"
    | "publishedPorts"
    | "gateway"
    | "models"
    | "routing"
    | "redis"
    | "telemetry"
    | "guard"
    | "servers"
  >;
  /** Environment variables that config.yaml refers to; secret. */
  readonly secrets: Readonly<Record<string, pulumi.Input<string>>>;
  /** Connection URL of LiteLLM's own database; secret. */
  readonly databaseUrl: pulumi.Input<string>;
  readonly networks: Networks;
  /**
   * Made when the MCP servers are healthy. A new server changes config.yaml and so replaces the container: not before it is
   * known to run, since clients are without the gateway meanwhile, and a server that cannot start changes nothing for them.
   */
  readonly serversHealthy: readonly pulumi.Resource[];
  /** Where `settings.redis` is; its password is secret. */
  readonly redis: { readonly network: NetworkToJoin; readonly password: pulumi.Input<string> } | undefined;
}

/** The gateway: master and salt key, container, generated config, and a healthcheck that sees and ends its lock-up. */
export class LiteLlm extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:LiteLlm";
  readonly masterKey: pulumi.Output<string>;
  readonly container: docker.Container;
  /** Made when the container is healthy; what needs the container depends on this. */
  readonly health: ContainerHealth;

  constructor(name: string, args: LiteLlmArgs, opts?: pulumi.ComponentResourceOptions) {
    super(LiteLlm.TYPE, name, {}, opts);
    const { settings, networks } = args;
    const { docker: endpoint, names, gateway } = settings;
    const settleSeconds = spendWrittenWithin(gateway.generalSettings);
    const secret = (resource: string) =>
      new random.RandomPassword(resource, { length: 40, special: false }, { parent: this }).result;
    // LiteLLM takes only keys that start with sk-.
    this.masterKey = pulumi.secret(pulumi.interpolate`sk-${secret(masterKeyOf(name))}`);
    const env = {
      ...args.secrets,
      DATABASE_URL: args.databaseUrl,
      LITELLM_MASTER_KEY: this.masterKey,
      // Encrypts what LiteLLM stores; another value would make stored entries unreadable.
      LITELLM_SALT_KEY: pulumi.interpolate`sk-${secret(`${name}-salt-key`)}`,
      ...(args.redis && { [REDIS_PASSWORD]: args.redis.password }),
    };
    const command = [
      ...["docker/prod_entrypoint.sh", "--config", LITELLM_CONFIG, "--port", String(LITELLM_PORT)],
      ...["--keepalive_timeout", String(KEEP_ALIVE_SECONDS)],
    ];
    const image = daemonImage(name, settings.docker, { name: gateway.image }, { parent: this });
    this.container = new docker.Container(
      containerOf(name),
      serviceContainer({
        containerName: names.containers.litellm,
        image: image.imageId,
        entrypoint: launcherCommand(settleSeconds, settings.servers),
        command: gateway.debug ? debugged(command, Object.keys(env)) : command,
        env: {
          ...env,
          // Otherwise the start waits for a file from GitHub.
          LITELLM_LOCAL_MODEL_COST_MAP: "True",
          LITELLM_MODE: "PRODUCTION",
        },
        networks: [
          { id: networks.mcp.id, aliases: [] },
          { id: networks.postgres.id, aliases: [] },
          { id: networks.lan.id, aliases: [] },
          { id: networks.ingress.id, aliases: [LITELLM_HOST] },
          ...(args.redis ? [{ id: args.redis.network.id, aliases: [] }] : []),
        ],
        ports: portsOf(settings, names.containers.litellm, LITELLM_PORT),
        uploads: [
          { file: LITELLM_CONFIG, content: renderLiteLlmConfig(settings) },
          { file: HEALTH_FILE, content: mcpHealthScript() },
          { file: LAUNCHER_FILE, content: readFileSync(launcherSource, "utf8") },
          { file: RELAY_FILE, content: readFileSync(relaySource, "utf8") },
          ...(gateway.debug ? [{ file: MASK_FILE, content: readFileSync(maskSource, "utf8") }] : []),
          ...maskFiles(settings.guard),
        ],
        memoryMiB: gateway.memoryMiB,
        // Docker kills what is not gone by then: more than the launcher's own limits together.
        stopSeconds: HOLD_SECONDS + settleSeconds + STOP_SECONDS + 5,
        health,
      }),
      { parent: this, ...OLD_ONE_FIRST, dependsOn: [...args.serversHealthy] },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: endpoint, container: this.container, withinSeconds: 240 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}

/** LiteLLM says everything, and secrets are masked in it: those of its own variables, and whatever looks like a key. */
const debugged = (command: readonly string[], secrets: readonly string[]) => [
  ...["python3", MASK_FILE, [...secrets].sort().join(","), "--"],
  ...[...command, "--detailed_debug"],
];

/** LiteLLM looks for its callbacks beside config.yaml. */
function maskFiles(guard: GuardSettings | undefined) {
  if (!guard?.masked.length) return [];
  const patterns = Object.fromEntries(guard.masked.map((kind) => [kind, SENSITIVE[kind]]));
  return [
    { file: "/app/mask_tool_calls.py", content: readFileSync(callMaskSource, "utf8") },
    { file: "/app/mask_tool_calls.json", content: JSON.stringify(patterns) },
  ];
}

/** What the launcher is started with; LiteLLM's own command follows. */
const launcherCommand = (settleSeconds: number, servers: Settings["servers"]) => [
  ...["python3", LAUNCHER_FILE, "--pid-file", PID_FILE, "--ingress", INGRESS_INNER_URL],
  ...["--alive-url", ALIVE_URL],
  ...servers.filter(isRelayed).flatMap(({ name, host, port }) => ["--relay", `${name}=${host}:${port}`]),
  ...["--relay-port", String(RELAY_PORT)],
  ...["--hold-seconds", String(HOLD_SECONDS)],
  ...["--settle-seconds", String(settleSeconds)],
  ...["--stop-seconds", String(STOP_SECONDS)],
  "--",
];

/**
 * One call to a dead `http` server locks /mcp/ for good on 1.77.3, while /health/liveliness stays green, Docker
 * restarts nothing that is merely unhealthy, and SIGTERM is ignored. So the check speaks MCP and kills what does not
 * answer.
 */
const health: Health = {
  test: mcpHealthCommand(["python3", HEALTH_FILE], {
    transport: "http",
    url: `http://127.0.0.1:${LITELLM_PORT}/mcp/`,
    initializeOnly: true,
    bearerEnv: "LITELLM_MASTER_KEY",
    // A LiteLLM whose first listing locks it up was never healthy. Without this address the check would let it be for
    // two minutes.
    aliveUrl: ALIVE_URL,
    // Each request to /mcp/ leaves three tasks and 43 KiB for ever (mcp 1.10.1); one to the address above leaves
    // nothing.
    everySeconds: 60,
    timeoutSeconds: 4,
    attempts: 3,
    killAfterSeconds: 120,
    pidFile: PID_FILE,
  }),
  intervalSeconds: 10,
  timeoutSeconds: 20,
  retries: 3,
  startPeriodSeconds: 120,
};
