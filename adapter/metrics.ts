import { Counter, Histogram, Registry } from "prom-client";
import { gaugesOf } from "../lib/gauges.ts";
import type { Upstream } from "./upstream.ts";

export interface Ended {
  readonly method: string;
  /** A tool that is shown; no text of a client becomes a label. */
  readonly tool: string;
  readonly failure: string;
}

const METHODS = new Set(["initialize", "ping", "tools/list", "tools/call", "prompts/get", "resources/read"]);

/** Figures for Prometheus, under the names of OpenTelemetry's conventions for MCP (v1.40) where they have one. */
export class Metrics {
  readonly registry = new Registry();
  readonly #operations = new Histogram({
    name: "mcp_server_operation_duration_seconds",
    help: "MCP requests, from their arrival to their answer",
    labelNames: ["mcp_method_name", "gen_ai_tool_name", "error_type"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });
  readonly unauthorised = new Counter({
    name: "adapter_unauthorised_total",
    help: "HTTP requests without the token",
    registers: [this.registry],
  });

  constructor(upstream: Upstream, sessions: () => number) {
    const gauge = gaugesOf(this.registry);
    gauge("adapter_server_up", "Whether the MCP server answers", () => Number(upstream.state === "up"));
    gauge(
      "adapter_server_restarts_since_start",
      "Times that the MCP server was started or connected to again",
      () => upstream.restarts,
    );
    gauge("adapter_tools", "Tools that are shown", () => upstream.catalogue.tools.length);
    gauge("adapter_tools_withheld", "Tools that are listed and not as approved", () => upstream.catalogue.withheld);
    gauge("adapter_sessions", "Sessions of clients", sessions);
    gauge("adapter_requests_running", "Requests that the server has now", () => upstream.requests.running);
    gauge("adapter_requests_waiting", "Requests that wait for one of these to end", () => upstream.requests.waiting);
    gauge("process_resident_memory_bytes", "Memory of this program", () => process.memoryUsage.rss());
  }

  /** @returns what to call when the request is answered. */
  begin(): (ended: Ended) => void {
    const started = performance.now();
    return ({ method, tool, failure }) =>
      this.#operations.observe(
        {
          mcp_method_name: METHODS.has(method) ? method : "other",
          gen_ai_tool_name: tool,
          error_type: failure,
        },
        (performance.now() - started) / 1_000,
      );
  }
}
