import { readFileSync } from "node:fs";

/** Options of `mcp_health.py`, the healthcheck of LiteLLM, and of images that have Python. */
export interface McpHealth {
  readonly transport: "sse" | "http";
  /** Address inside the container. */
  readonly url: string;
  /** Stop after `initialize`: for the gateway, whose tools/list asks every server in turn. */
  readonly initializeOnly?: boolean;
  /** Variable of the container that holds the bearer token. */
  readonly bearerEnv?: string;
  readonly timeoutSeconds: number;
  readonly attempts: number;
  /**
   * Asked before the exchange: any HTTP answer means that this start of the container came up, even if it never was
   * healthy.
   */
  readonly aliveUrl?: string;
  /** After an exchange that went well, only ask `aliveUrl` for so long. */
  readonly everySeconds?: number;
  /**
   * When every attempt of a run failed, end a container that came up before or is older than this: the restart policy
   * brings it back.
   */
  readonly killAfterSeconds: number;
  /** End no container that is being called, until it has failed for so long. */
  readonly inFlightLimitSeconds?: number;
  /** File with the id of the process to check, where a launcher restarts it within the container. */
  readonly pidFile?: string;
}

const scriptFile = new URL("./mcp_health.py", import.meta.url);

export const mcpHealthScript = () => readFileSync(scriptFile, "utf8");

/**
 * A Docker healthcheck test; `python` is the command that runs the script, for example `["python3",
 * "/app/mcp_health.py"]`.
 */
export function mcpHealthCommand(python: readonly string[], health: McpHealth): string[] {
  return [
    "CMD",
    ...python,
    ...["--transport", health.transport, "--url", health.url],
    ...(health.initializeOnly ? ["--initialize-only"] : []),
    ...(health.bearerEnv ? ["--bearer-env", health.bearerEnv] : []),
    ...["--timeout", String(health.timeoutSeconds), "--attempts", String(health.attempts)],
    ...(health.aliveUrl ? ["--alive-url", health.aliveUrl] : []),
    ...(health.everySeconds !== undefined ? ["--every", String(health.everySeconds)] : []),
    ...["--kill-after", String(health.killAfterSeconds)],
    ...(health.inFlightLimitSeconds !== undefined ? ["--in-flight-limit", String(health.inFlightLimitSeconds)] : []),
    ...(health.pidFile ? ["--pid-file", health.pidFile] : []),
  ];
}
