import { readFileSync } from "node:fs";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { LOOPBACK } from "../../settings/settings.ts";
import { ContainerHealth } from "../docker/container-health.ts";
import { serviceContainer } from "../docker/container.ts";
import type { DockerEndpoint } from "../docker/docker-connection.ts";
import { mcpHealthCommand, mcpHealthScript } from "../mcp/mcp-health.ts";
import type { Networks } from "../docker/networks.ts";

export const LITELLM_PORT = 4000;
const CONFIG_FILE = "/app/config.yaml";
const HEALTH_FILE = "/app/mcp_health.py";
const LAUNCHER_FILE = "/app/litellm_launcher.py";
const PID_FILE = "/tmp/litellm.pid";
const launcherSource = new URL("./litellm_launcher.py", import.meta.url);
/** The ingress waits 30 s for running requests to end. */
const HOLD_SECONDS = 32;
/** From SIGTERM to SIGKILL: an idle LiteLLM is gone in 2 s, one that is locked up never goes. */
const STOP_SECONDS = 20;

export interface LiteLlmArgs {
  readonly image: string;
  readonly namePrefix: string;
  /** Port on the host's loopback, for whoever administers LiteLLM. */
  readonly adminPort: number;
  readonly memoryMiB: number;
  /** config.yaml, from `renderLiteLlmConfig`. */
  readonly config: string;
  /** The inner side of the ingress, which holds requests while LiteLLM is started anew; until it is there LiteLLM runs without. */
  readonly ingressUrl: string;
  /** Within so many seconds after a request LiteLLM has written what it cost; see `spendWrittenWithin`. */
  readonly settleSeconds: number;
  /** Environment variables that config.yaml refers to; secret. */
  readonly env: Readonly<Record<string, pulumi.Input<string>>>;
  /** Connection URL of LiteLLM's own database; secret. */
  readonly databaseUrl: pulumi.Input<string>;
  readonly docker: DockerEndpoint;
  readonly networks: Networks;
}

/** The gateway: master and salt key, container, generated config, and a healthcheck that sees and ends its lock-up. */
export class LiteLlm extends pulumi.ComponentResource {
  static readonly TYPE = "litellm:gateway:LiteLlm";
  /** The ingress's name for it. */
  static readonly HOST = "litellm";
  static readonly INNER_URL = `http://${LiteLlm.HOST}:${LITELLM_PORT}`;
  readonly masterKey: pulumi.Output<string>;
  readonly container: docker.Container;
  /** There when the container is healthy: what needs it depends on this. */
  readonly health: ContainerHealth;

  constructor(name: string, args: LiteLlmArgs, opts?: pulumi.ComponentResourceOptions) {
    super(LiteLlm.TYPE, name, {}, opts);
    const secret = (what: string) =>
      new random.RandomPassword(`${name}-${what}`, { length: 40, special: false }, { parent: this }).result;
    // LiteLLM takes only keys that start with sk-.
    this.masterKey = pulumi.secret(pulumi.interpolate`sk-${secret("master-key")}`);
    const image = new docker.RemoteImage(`${name}-image`, { name: args.image, keepLocally: true }, { parent: this });
    this.container = new docker.Container(
      `${name}-container`,
      serviceContainer({
        containerName: `${args.namePrefix}litellm`,
        image: image.imageId,
        entrypoint: [
          ...["python3", LAUNCHER_FILE, "--pid-file", PID_FILE, "--ingress", args.ingressUrl],
          ...["--alive-url", `http://127.0.0.1:${LITELLM_PORT}/health/liveliness`],
          ...[
            "--hold-seconds",
            String(HOLD_SECONDS),
            "--settle-seconds",
            String(args.settleSeconds),
            "--stop-seconds",
            String(STOP_SECONDS),
            "--",
          ],
        ],
        command: ["docker/prod_entrypoint.sh", "--config", CONFIG_FILE, "--port", String(LITELLM_PORT)],
        env: {
          ...args.env,
          DATABASE_URL: args.databaseUrl,
          LITELLM_MASTER_KEY: this.masterKey,
          // Encrypts what LiteLLM stores; another value would make stored entries unreadable.
          LITELLM_SALT_KEY: pulumi.interpolate`sk-${secret("salt-key")}`,
          // Otherwise the start waits for a file from GitHub.
          LITELLM_LOCAL_MODEL_COST_MAP: "True",
          LITELLM_MODE: "PRODUCTION",
        },
        networks: [
          { id: args.networks.mcp.id, aliases: [] },
          { id: args.networks.postgres.id, aliases: [] },
          { id: args.networks.lan.id, aliases: [] },
          { id: args.networks.ingress.id, aliases: [LiteLlm.HOST] },
        ],
        ports: [{ ip: LOOPBACK, external: args.adminPort, internal: LITELLM_PORT }],
        uploads: [
          { file: CONFIG_FILE, content: args.config },
          { file: HEALTH_FILE, content: mcpHealthScript() },
          { file: LAUNCHER_FILE, content: readFileSync(launcherSource, "utf8") },
        ],
        memoryMiB: args.memoryMiB,
        // More than the launcher's own limits together, or they would be cut short.
        stopSeconds: HOLD_SECONDS + args.settleSeconds + STOP_SECONDS + 5,
        health: {
          // One call to a dead `http` server locks /mcp/ for good on 1.77.3, while /health/liveliness stays green, Docker restarts
          // nothing that is merely unhealthy and SIGTERM is ignored. So the check speaks MCP and kills what does not answer.
          test: mcpHealthCommand(["python3", HEALTH_FILE], {
            transport: "http",
            url: `http://127.0.0.1:${LITELLM_PORT}/mcp/`,
            initializeOnly: true,
            bearerEnv: "LITELLM_MASTER_KEY",
            // A start that is locked up by its first listing was never healthy: without this it stayed so for two minutes.
            aliveUrl: `http://127.0.0.1:${LITELLM_PORT}/health/liveliness`,
            // Each request to /mcp/ leaves three tasks and 43 KiB for ever (mcp 1.10.1); the address above leaves nothing.
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
        },
      }),
      { parent: this },
    );
    this.health = new ContainerHealth(
      `${name}-health`,
      { docker: args.docker, container: this.container, withinSeconds: 240 },
      { parent: this },
    );
    this.registerOutputs({ container: this.container.name });
  }
}
