import { stringify } from "yaml";
import type { ServerSettings, Settings } from "../../settings/settings.ts";
import { COLLECTOR_ADDRESS } from "./collector-config.ts";
import { LOKI_HOST, LOKI_PORT } from "./loki-config.ts";

/** Folder of the container's memory, into which `prometheus.ts` writes a token of each adapter. */
export const TOKENS_FOLDER = "/tmp/tokens";
export const RULES_FILE = "/tmp/rules.yml";
/** Its name and port on its own network. */
export const PROMETHEUS_ADDRESS = { host: "prometheus", port: 9090 } as const;
export const SCRAPE_INTERVAL = "10s";

/** The adapters, which each ask for a token of their own; a server without one has no figures. */
export const adaptersOf = ({ servers }: Pick<Settings, "servers">) =>
  servers.flatMap(({ name, host, port, adapter }: ServerSettings) =>
    adapter ? [{ server: name, address: `${host}:${port}`, tokenEnv: adapter.tokenEnv }] : [],
  );

/**
 * Whoever keeps lines, by the names of jobs, which are among `PARTS` of `check/scheduled/prometheus.ts`. Whether they are there is enough:
 * Loki has thousands of figures.
 */
const OF_LINES = {
  loki: `${LOKI_HOST}:${LOKI_PORT}`,
  "log-collector": `${COLLECTOR_ADDRESS.host}:${COLLECTOR_ADDRESS.port}`,
};
const NO_FIGURES = [{ source_labels: ["__name__"], regex: ".*", action: "drop" }];

/** The job of the scheduled check. Nobody is told that it is away: it is who tells. */
export const SCHEDULED_CHECK_JOB = "scheduled-check";

/**
 * `prometheus.yml`. No token is in it: whoever sees Prometheus sees its configuration.
 *
 * @param ingress Host and port of its inner side.
 * @param hasLines Whether the stack has a Loki of its own, and so a collector beside it.
 * @param scheduledCheck Its host and port, where it hears of alerts and has figures; undefined: there is none.
 */
export const renderPrometheusConfig = (
  settings: Pick<Settings, "servers">,
  ingress: string,
  scheduledCheck: string | undefined,
  hasLines: boolean,
): string =>
  stringify(
    {
      global: {
        scrape_interval: SCRAPE_INTERVAL,
        scrape_timeout: "5s",
        evaluation_interval: "10s",
        // A program that goes wrong fills neither memory nor disk with its figures.
        body_size_limit: "4MB",
        sample_limit: 20_000,
      },
      rule_files: [RULES_FILE],
      ...(scheduledCheck !== undefined && {
        alerting: { alertmanagers: [{ static_configs: [{ targets: [scheduledCheck] }] }] },
      }),
      scrape_configs: [
        { job_name: "ingress", static_configs: [{ targets: [ingress] }] },
        ...(scheduledCheck === undefined
          ? []
          : [{ job_name: SCHEDULED_CHECK_JOB, static_configs: [{ targets: [scheduledCheck] }] }]),
        ...Object.entries(hasLines ? OF_LINES : {}).map(([job, address]) => ({
          ...{ job_name: job, static_configs: [{ targets: [address] }], metric_relabel_configs: NO_FIGURES },
        })),
        ...adaptersOf(settings).map(({ server, address, tokenEnv }) => ({
          job_name: `adapter-${server}`,
          authorization: { credentials_file: `${TOKENS_FOLDER}/${tokenEnv}` },
          // The name of a job is unique, and a token is a job's: this label is what all of them share.
          static_configs: [{ targets: [address], labels: { job: "adapter", mcp_server: server } }],
        })),
      ],
    },
    { lineWidth: 0 },
  );

/** What clients do that are well: each asks for a stream, some look for pages of OAuth, and some leave. So does the check of `up`. */
const ORDINARY = "no stream|no such route|client gone";
const REFUSED = `sum by (job) (ingress_refusals_total{reason!~"${ORDINARY}"} or ingress_tool_calls_total{outcome="refused"})`;

/** What is wrong, in the words of Prometheus; `docs/operate.md` has the same for people. */
const RULES = [
  {
    alert: "Watchdog",
    expr: "vector(1)",
    annotations: { summary: "Always raised: whoever hears it no more is told of nothing else either" },
  },
  {
    alert: "PartAway",
    expr: `up{job!="${SCHEDULED_CHECK_JOB}"} == 0`,
    for: "1m",
    annotations: {
      summary: "{{ $labels.job }} {{ $labels.mcp_server }} has not answered for a minute: npm run doctor",
    },
  },
  {
    alert: "ServerAway",
    expr: "adapter_server_up == 0",
    for: "1m",
    annotations: {
      summary: "MCP server {{ $labels.mcp_server }} has not answered its adapter for a minute: npm run doctor",
    },
  },
  {
    alert: "ToolsWithheld",
    expr: "adapter_tools_withheld > 0",
    annotations: {
      summary:
        "{{ $value }} tools of {{ $labels.mcp_server }} are not as approved, and shown to nobody: npm run tools -- diff {{ $labels.mcp_server }}",
    },
  },
  {
    // Longer than it takes to start.
    alert: "LiteLlmAway",
    expr: "ingress_litellm_answers == 0",
    for: "2m",
    annotations: { summary: "LiteLLM has not answered for two minutes: npm run doctor" },
  },
  {
    alert: "LiteLlmRestarted",
    // One restart that was announced is an `up`, or LiteLLM's memory; an increase is no whole number.
    expr: "increase(ingress_litellm_losses_since_start[15m]) > 0 or increase(ingress_litellm_restarts_since_start[15m]) > 2.5",
    annotations: {
      summary:
        "LiteLLM ended without a word, or was restarted three times, within the last 15 minutes; requests waited meanwhile: docker logs litellm",
    },
  },
  {
    alert: "ManyRefusals",
    // A counter is not there before its first refusal: without the zero, nobody would see that a burst has begun with it. The
    // check of each `up` makes a few for each client.
    expr: `increase((${REFUSED} or 0 * sum by (job) (up{job="ingress"} == 1))[5m:10s]) > 50`,
    annotations: {
      summary:
        "{{ $value | humanize }} requests or calls were refused within five minutes: npm run audit -- --outcome refused --requests",
    },
  },
] as const;

export const renderRules = (): string => stringify({ groups: [{ name: "gateway", rules: RULES }] }, { lineWidth: 0 });
