import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { dashboardOf, graph, lines, listOf, PROMETHEUS, states } from "./panels.ts";
import { CHOSEN, perMinute, quantile } from "./queries.ts";

const OPERATIONS = "mcp_server_operation_duration_seconds";
const ofCalls = `job="adapter", mcp_method_name="tools/call", ${CHOSEN.server}`;
const now = (metric: string) => `sum by (mcp_server) (${metric}{${CHOSEN.server}})`;
const byServer = (metric: string) => [{ expr: `${metric}{${CHOSEN.server}}`, legend: "{{mcp_server}}" }];

/** Each MCP server, as its adapter sees it. */
export const serversDashboard = (): Dashboard =>
  dashboardOf(
    {
      uid: "litellm-mcp-servers",
      title: "LiteLLM MCP: servers",
      description: "Each MCP server as its adapter sees it.",
    },
    PROMETHEUS,
    [listOf("server", "MCP server", "adapter_server_up", "mcp_server")],
    {
      Now: [
        lines({
          title: "Servers",
          description:
            "up: 1, or 0 while the adapter waits for its server. npm run tools -- diff NAME shows what is withheld.",
          width: 12,
          by: { label: "mcp_server", title: "server" },
          columns: {
            up: now("adapter_server_up"),
            tools: now("adapter_tools"),
            withheld: now("adapter_tools_withheld"),
            "in flight": now("adapter_requests_running"),
            waiting: now("adapter_requests_waiting"),
            restarts: now("adapter_server_restarts_since_start"),
          },
        }),
        states({
          title: "Whether each server answers",
          description: "An adapter that is away itself has a gap here, and is in the gateway's dashboard.",
          width: 12,
          query: { expr: `adapter_server_up{${CHOSEN.server}}`, legend: "{{mcp_server}}" },
          words: { 1: { text: "up", color: "green" }, 0: { text: "away", color: "red" } },
          none: "no server",
        }),
      ],
      Tools: [
        graph({
          title: "Tools that are shown",
          description: "What LiteLLM is told of each server.",
          width: 12,
          queries: byServer("adapter_tools"),
        }),
        graph({
          title: "Tools that are withheld",
          description: "Listed by the server, but not as approved: nobody sees or calls them.",
          width: 12,
          queries: byServer("adapter_tools_withheld"),
        }),
      ],
      Calls: [
        graph({
          title: "Calls a minute at each adapter",
          description: "Those that reached it: what the ingress refuses does not.",
          width: 12,
          queries: [{ expr: perMinute(`${OPERATIONS}_count{${ofCalls}}`, ["mcp_server"]), legend: "{{mcp_server}}" }],
        }),
        graph({
          title: "Calls without an answer a minute, by reason",
          description:
            "The server ended, took too long or did not read; an error that a tool itself reports is an answer.",
          width: 12,
          queries: [
            {
              expr: perMinute(`${OPERATIONS}_count{error_type!="", ${ofCalls}}`, ["mcp_server", "error_type"]),
              legend: "{{mcp_server}} {{error_type}}",
            },
          ],
        }),
        graph({
          title: "Calls in flight",
          description: "Requests that the server has now, and those that wait for one of them to end.",
          width: 12,
          queries: [
            { expr: `adapter_requests_running{${CHOSEN.server}}`, legend: "{{mcp_server}}" },
            { expr: `adapter_requests_waiting{${CHOSEN.server}}`, legend: "{{mcp_server}} waiting" },
          ],
        }),
        graph({
          title: "Sessions",
          description: "Those that LiteLLM has at each adapter.",
          width: 12,
          queries: byServer("adapter_sessions"),
        }),
      ],
      "How long calls take": [
        graph({
          title: "Time of a call, p50 by server",
          description: "Half of the calls took at most this, from the adapter to the server and back.",
          width: 12,
          unit: "s",
          queries: [{ expr: quantile(0.5, OPERATIONS, ofCalls, ["mcp_server"]), legend: "{{mcp_server}}" }],
        }),
        graph({
          title: "Time of a call, p95 by server",
          description: "Nearly all calls took at most this, from the adapter to the server and back.",
          width: 12,
          unit: "s",
          queries: [{ expr: quantile(0.95, OPERATIONS, ofCalls, ["mcp_server"]), legend: "{{mcp_server}}" }],
        }),
        graph({
          title: "Time of a call, p95 by tool",
          description: "Nearly all calls of a tool took at most this, from the adapter to the server and back.",
          width: 24,
          unit: "s",
          queries: [
            {
              expr: quantile(0.95, OPERATIONS, ofCalls, ["mcp_server", "gen_ai_tool_name"]),
              legend: "{{mcp_server}} {{gen_ai_tool_name}}",
            },
          ],
        }),
      ],
      "Servers and adapters": [
        graph({
          title: "Restarts of a server, since its adapter started",
          description: "A step for each time that the adapter started its server, or connected to it, again.",
          width: 8,
          queries: byServer("adapter_server_restarts_since_start"),
        }),
        graph({
          title: "Memory of each adapter",
          description: "Of the adapter's process, without its server.",
          width: 8,
          unit: "bytes",
          queries: [
            { expr: `process_resident_memory_bytes{job="adapter", ${CHOSEN.server}}`, legend: "{{mcp_server}}" },
          ],
        }),
        graph({
          title: "Requests without the token a minute",
          description: "Somebody on a network of the adapter who is not LiteLLM.",
          width: 8,
          queries: [
            {
              expr: perMinute(`adapter_unauthorised_total{${CHOSEN.server}}`, ["mcp_server"]),
              legend: "{{mcp_server}}",
            },
          ],
        }),
      ],
    },
  );
