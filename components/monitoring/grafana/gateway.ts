import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { dashboardOf, graph, listOf, PROMETHEUS, number, states } from "./panels.ts";
import { CHOSEN, perMinute, quantile } from "./queries.ts";

const CALLS = "ingress_tool_calls_total";
const chosen = `${CHOSEN.client}, ${CHOSEN.server}`;
const OPERATIONS = "mcp_server_operation_duration_seconds";
const ofCalls = `job="ingress", mcp_method_name="tools/call", ${chosen}`;
/** As `components/backup/image/nightly.sh` has it. */
const MOST_BACKUP_AGE_S = 26 * 3_600;
/** As `check/scheduled/disk.ts` has it. */
const FULL_RATIO = 0.9;
const MODELS = "gen_ai_client_operation_duration_seconds";

/** Who called what, what came of it, and how LiteLLM and the ingress are: as the ingress counts it. */
export const gatewayDashboard = (): Dashboard =>
  dashboardOf(
    {
      uid: "litellm-mcp-gateway",
      title: "LiteLLM MCP: gateway",
      description: "Calls, refusals, times and models, as the ingress counts them.",
    },
    PROMETHEUS,
    [listOf("client", "Client", CALLS, "client"), listOf("server", "MCP server", CALLS, "mcp_server")],
    {
      Now: [
        number({
          title: "Parts that do not answer",
          description:
            "The ingress, the adapters and the scheduled check, as far as Prometheus cannot ask them. npm run doctor says why.",
          width: 5,
          expr: "count(up == 0) or vector(0)",
          bad: 1,
        }),
        number({
          title: "Requests at LiteLLM",
          description: "How many LiteLLM has in hand now.",
          width: 5,
          expr: "ingress_litellm_running",
        }),
        number({
          title: "Requests that wait",
          description: "Held by the ingress while LiteLLM is away or restarted.",
          width: 5,
          expr: "ingress_held",
          bad: 1,
        }),
        number({
          title: "LiteLLM was away or restarted",
          description: "How often within the time that is shown. An up that replaces LiteLLM counts.",
          width: 5,
          expr: "round(increase(ingress_litellm_restarts_since_start[$__range]))",
          bad: 1,
        }),
        number({
          title: "Memory of the ingress",
          description: "Of its process.",
          width: 4,
          expr: 'process_resident_memory_bytes{job="ingress"}',
          unit: "bytes",
        }),
      ],
      "What is wrong": [
        states({
          title: "Alerts",
          description: "What Prometheus has raised, and until when; docs/operate.md says what to do.",
          width: 12,
          query: {
            expr: 'max by (alertname, job, mcp_server) (ALERTS{alertstate="firing",alertname!="Watchdog"})',
            legend: "{{alertname}} {{mcp_server}}",
          },
          words: { 1: { text: "raised", color: "red" } },
          none: "none",
        }),
        states({
          title: "What Prometheus asks",
          description: "Whether each answers Prometheus.",
          width: 12,
          query: { expr: "up", legend: "{{job}} {{mcp_server}}" },
          words: { 1: { text: "answers", color: "green" }, 0: { text: "away", color: "red" } },
          none: "nobody is asked",
        }),
      ],
      Calls: [
        graph({
          title: "Calls a minute, by client",
          description: "Each call of a tool once, whatever came of it, as npm run audit has it.",
          width: 12,
          queries: [{ expr: perMinute(`${CALLS}{${chosen}}`, ["client"]), legend: "{{client}}" }],
        }),
        graph({
          title: "Calls a minute, by server",
          description: "Each call of a tool once, whatever came of it, as npm run audit has it.",
          width: 12,
          queries: [{ expr: perMinute(`${CALLS}{${chosen}}`, ["mcp_server"]), legend: "{{mcp_server}}" }],
        }),
        graph({
          title: "Calls a minute, by tool",
          description: "Without calls of tools that do not exist.",
          width: 12,
          queries: [
            {
              expr: perMinute(`${CALLS}{gen_ai_tool_name!="", ${chosen}}`, ["mcp_server", "gen_ai_tool_name"]),
              legend: "{{mcp_server}} {{gen_ai_tool_name}}",
            },
          ],
        }),
        graph({
          title: "Calls a minute, by what came of them",
          description:
            "failed: the server or its tool said so. lost: LiteLLM broke off, and nobody knows whether the call was carried out. refused: not made.",
          width: 12,
          queries: [{ expr: perMinute(`${CALLS}{${chosen}}`, ["outcome"]), legend: "{{outcome}}" }],
          colours: { answered: "green", failed: "orange", lost: "red", refused: "purple" },
        }),
      ],
      "Errors and refusals": [
        graph({
          title: "Failed and lost calls a minute, by server",
          description: "Why each one failed: npm run audit -- --outcome failed lost",
          width: 8,
          queries: [
            {
              expr: perMinute(`${CALLS}{outcome=~"failed|lost", ${chosen}}`, ["mcp_server", "outcome"]),
              legend: "{{mcp_server}} {{outcome}}",
            },
          ],
        }),
        graph({
          title: "Refused calls a minute, by client",
          description: "Calls that a client may not make, or that are over a limit: npm run audit -- --outcome refused",
          width: 8,
          queries: [{ expr: perMinute(`${CALLS}{outcome="refused", ${chosen}}`, ["client"]), legend: "{{client}}" }],
        }),
        graph({
          title: "Refused requests a minute, by reason",
          description:
            "Requests that never reached LiteLLM. Clients that are well make some: a stream, an address that is not there.",
          width: 8,
          queries: [{ expr: perMinute(`ingress_refusals_total{${CHOSEN.client}}`, ["reason"]), legend: "{{reason}}" }],
        }),
      ],
      "How long calls take": [
        graph({
          title: "Time of a call, p50 and p95",
          description:
            "Half of the calls, and nearly all of them, took at most this, from their arrival to their answer.",
          width: 12,
          unit: "s",
          queries: [
            { expr: quantile(0.5, OPERATIONS, ofCalls), legend: "p50" },
            { expr: quantile(0.95, OPERATIONS, ofCalls), legend: "p95" },
          ],
        }),
        graph({
          title: "Time of a call, p95 by server",
          description: "Nearly all calls of a server took at most this at the ingress.",
          width: 12,
          unit: "s",
          queries: [{ expr: quantile(0.95, OPERATIONS, ofCalls, ["mcp_server"]), legend: "{{mcp_server}}" }],
        }),
        graph({
          title: "Time of a call, p95 by client",
          description: "Nearly all calls of a client took at most this.",
          width: 12,
          unit: "s",
          queries: [{ expr: quantile(0.95, OPERATIONS, ofCalls, ["client"]), legend: "{{client}}" }],
        }),
        graph({
          title: "Time of a listing, p50 and p95",
          description: "What a client waits for when it asks which tools there are.",
          width: 12,
          unit: "s",
          queries: ([0.5, 0.95] as const).map((share) => ({
            expr: quantile(share, OPERATIONS, `job="ingress", mcp_method_name="tools/list", ${CHOSEN.client}`),
            legend: `p${share * 100}`,
          })),
        }),
      ],
      "Between two ups": [
        number({
          title: "Since the last check",
          description: "Everything is tried each scheduledCheck.minutes.",
          width: 6,
          expr: "time() - max(scheduled_check_run_timestamp_seconds)",
          unit: "s",
        }),
        number({
          title: "Since the newest backup",
          description: "Of those that are good; one is made each day.",
          width: 6,
          expr: "time() - max(backup_newest_timestamp_seconds)",
          unit: "s",
          bad: MOST_BACKUP_AGE_S,
        }),
        number({
          title: "Good backups",
          description: "As many as backup.keep, once there were so many days.",
          width: 6,
          expr: "max(backup_kept)",
        }),
        number({
          title: "Disk that is used",
          description:
            "Of the one that has Docker's volumes. When it is full, calls cannot be recorded and are refused.",
          width: 6,
          expr: "max(docker_disk_used_ratio)",
          unit: "percentunit",
          bad: FULL_RATIO,
        }),
        states({
          title: "What the scheduled check finds",
          description:
            "Each server, the gateway, what must fail, the disk and the backup: npm run status says what is wrong.",
          width: 12,
          query: { expr: "max by (subject) (scheduled_check_problem)", legend: "{{subject}}" },
          words: { 0: { text: "well", color: "green" }, 1: { text: "wrong", color: "red" } },
          none: "nobody looks",
        }),
        graph({
          title: "Size of the newest backup",
          description: "Of those that are good.",
          width: 6,
          unit: "bytes",
          queries: [{ expr: "max(backup_newest_bytes)", legend: "newest" }],
        }),
        graph({
          title: "Disk that is used, over time",
          description: "Of the one that has Docker's volumes.",
          width: 6,
          unit: "percentunit",
          queries: [{ expr: "max(docker_disk_used_ratio)", legend: "used" }],
        }),
      ],
      Models: [
        graph({
          title: "Requests to models a minute, by client",
          description: "Those that reached LiteLLM.",
          width: 8,
          queries: [{ expr: perMinute(`${MODELS}_count{${CHOSEN.client}}`, ["client"]), legend: "{{client}}" }],
        }),
        graph({
          title: "Requests to models a minute, by status",
          description: "The HTTP status of LiteLLM's answer; none: it broke off.",
          width: 8,
          queries: [{ expr: perMinute(`${MODELS}_count{${CHOSEN.client}}`, ["status"]), legend: "{{status}}" }],
        }),
        graph({
          title: "Time of a model's answer, p50 and p95",
          description: "From the request's arrival to the answer's last byte.",
          width: 8,
          unit: "s",
          queries: ([0.5, 0.95] as const).map((share) => ({
            expr: quantile(share, MODELS, CHOSEN.client),
            legend: `p${share * 100}`,
          })),
        }),
      ],
      "LiteLLM and the ingress": [
        graph({
          title: "Requests at LiteLLM, and those that wait",
          description: "While LiteLLM is away or restarted, the ingress holds requests instead of refusing them.",
          width: 8,
          queries: [
            { expr: "ingress_litellm_running", legend: "at LiteLLM" },
            { expr: "ingress_held", legend: "waiting" },
          ],
        }),
        graph({
          title: "LiteLLM was away or restarted, since the ingress started",
          description: "A step for each time.",
          width: 8,
          queries: [{ expr: "ingress_litellm_restarts_since_start", legend: "restarts" }],
        }),
        graph({
          title: "Memory of the ingress, over time",
          description: "Of its process.",
          width: 8,
          unit: "bytes",
          queries: [{ expr: 'process_resident_memory_bytes{job="ingress"}', legend: "ingress" }],
        }),
      ],
    },
  );
