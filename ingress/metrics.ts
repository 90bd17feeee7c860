import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { gaugesOf } from "../lib/gauges.ts";
import type { AuditedCall } from "./audit.ts";
import type { ToolList } from "./tools.ts";

/**
 * Metrics for Prometheus, under the names of OpenTelemetry's conventions for MCP (v1.40) where they have one. Labels
 * come from the table of rights and the list of tools alone: no text of a client becomes a label.
 */
export class Metrics {
  readonly registry = new Registry();
  readonly operations = new Histogram({
    name: "mcp_server_operation_duration_seconds",
    help: "MCP requests of clients, from their arrival to the end of the answer",
    labelNames: ["mcp_method_name", "gen_ai_tool_name", "mcp_server", "client", "error_type"],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });
  readonly models = new Histogram({
    name: "gen_ai_client_operation_duration_seconds",
    help: "Requests to models, from their arrival to the end of the answer",
    labelNames: ["route", "client", "status"],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers: [this.registry],
  });
  /** As the audit has them: each call of a tool once, those that a model asks for as well. */
  readonly #calls = new Counter({
    name: "ingress_tool_calls_total",
    help: "Calls of tools, by what came of them",
    labelNames: ["client", "mcp_server", "gen_ai_tool_name", "outcome"],
    registers: [this.registry],
  });
  readonly refusals = new Counter({
    name: "ingress_refusals_total",
    help: "Requests that never reached LiteLLM, by the kind of reason",
    labelNames: ["client", "reason"],
    registers: [this.registry],
  });

  constructor(
    gate: () => {
      readonly running: number;
      readonly waiting: number;
      answers(): Promise<boolean>;
      readonly counts: { readonly held: number; readonly closings: number; readonly losses: number };
    },
  ) {
    const gauge = gaugesOf(this.registry);
    gauge("ingress_litellm_running", "Requests at LiteLLM now", () => gate().running);
    gauge("ingress_held", "Requests that wait for LiteLLM now", () => gate().waiting);
    gauge(
      "ingress_held_since_start",
      "Requests that had to wait for LiteLLM, since this program started",
      () => gate().counts.held,
    );
    gauge(
      "ingress_litellm_restarts_since_start",
      "Times that LiteLLM was away or restarted, since this program started",
      () => gate().counts.closings,
    );
    gauge(
      "ingress_litellm_losses_since_start",
      "Times that LiteLLM was away without a restart that was announced, since this program started",
      () => gate().counts.losses,
    );
    new Gauge({
      name: "ingress_litellm_answers",
      help: "Whether LiteLLM answers now",
      registers: [this.registry],
      async collect() {
        this.set((await gate().answers()) ? 1 : 0);
      },
    });
    gauge("process_resident_memory_bytes", "Memory of this program", () => process.memoryUsage.rss());
  }

  /** @param tools Only names of tools that exist become labels: otherwise a client could create labels without end. */
  countCall(
    { client, server, tool }: Pick<AuditedCall, "client" | "server" | "tool">,
    outcome: string,
    tools: Pick<ToolList, "has">,
  ): void {
    const exists = tools.has(`${server}-${tool}`);
    this.#calls.inc({ client, mcp_server: server, gen_ai_tool_name: exists ? tool : "", outcome });
  }
}
