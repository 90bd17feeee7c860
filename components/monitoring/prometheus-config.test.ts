import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { PARTS, PROMETHEUS_ALERTS, WATCHDOG } from "../../check/scheduled/prometheus.ts";
import { testSettings } from "../../tests/settings.ts";
import { renderPrometheusConfig, renderRules, SCHEDULED_CHECK_JOB } from "./prometheus-config.ts";

interface Job {
  readonly job_name: string;
  readonly authorization?: { readonly credentials_file: string };
  readonly static_configs: readonly { readonly targets: readonly string[]; readonly labels?: object }[];
}

test("the ingress is asked without a token, and each adapter with its own, which is in a file", () => {
  const { scrape_configs: jobs } = parse(renderPrometheusConfig(testSettings(), "ingress:4001", undefined, false)) as {
    scrape_configs: Job[];
  };
  assert.deepEqual(jobs[0], { job_name: "ingress", static_configs: [{ targets: ["ingress:4001"] }] });
  assert.deepEqual(
    jobs.slice(1).map(({ job_name }) => job_name),
    ["fetch", "git", "memory", "postgres", "time"].map((server) => `adapter-${server}`),
  );
  assert.deepEqual(jobs.at(-1), {
    job_name: "adapter-time",
    authorization: { credentials_file: "/tmp/tokens/MCP_TOKEN_time" },
    static_configs: [{ targets: ["mcp-time:8000"], labels: { job: "adapter", mcp_server: "time" } }],
  });
});

test("alerts go to the scheduled check, which has figures as well; without one they go nowhere", () => {
  const config = (check: string | undefined) =>
    parse(renderPrometheusConfig(testSettings(), "ingress:4001", check, false)) as {
      alerting?: unknown;
      scrape_configs: Job[];
    };
  const job = ({ scrape_configs: jobs }: { scrape_configs: Job[] }) =>
    jobs.find(({ job_name }) => job_name === SCHEDULED_CHECK_JOB);
  assert.deepEqual([config(undefined).alerting, job(config(undefined))], [undefined, undefined]);
  const configs = [{ targets: ["alerts:9093"] }];
  assert.deepEqual(config("alerts:9093").alerting, { alertmanagers: [{ static_configs: configs }] });
  assert.deepEqual(job(config("alerts:9093")), { job_name: "scheduled-check", static_configs: configs });
});

test("Loki and its collector are asked whether they are there, and no figure of them is kept", () => {
  const { scrape_configs: jobs } = parse(renderPrometheusConfig(testSettings(), "ingress:4001", undefined, true)) as {
    scrape_configs: Job[];
  };
  const metric_relabel_configs = [{ source_labels: ["__name__"], regex: ".*", action: "drop" }];
  assert.deepEqual(jobs.slice(1, 3), [
    { job_name: "loki", static_configs: [{ targets: ["loki:3100"] }], metric_relabel_configs },
    { job_name: "log-collector", static_configs: [{ targets: ["log-collector:8888"] }], metric_relabel_configs },
  ]);
});

test("each part that is asked, and each alert, is one that the scheduled check knows", () => {
  const { scrape_configs: jobs } = parse(
    renderPrometheusConfig(testSettings(), "ingress:4001", "alerts:9093", true),
  ) as {
    scrape_configs: Job[];
  };
  // It is told of itself by nobody.
  const isTold = (job: string) => !job.startsWith("adapter-") && job !== SCHEDULED_CHECK_JOB;
  const parts = jobs.map(({ job_name: job }) => job).filter(isTold);
  assert.deepEqual(parts, PARTS, "a part: PARTS in check/scheduled/prometheus.ts");
  const { groups } = parse(renderRules()) as { groups: { rules: { alert: string }[] }[] };
  const alerts = groups.flatMap(({ rules }) => rules.map(({ alert }) => alert));
  assert.deepEqual(
    alerts,
    [WATCHDOG, ...PROMETHEUS_ALERTS],
    "an alert: ALERTS in check/scheduled/prometheus.ts, and docs/operate.md",
  );
});

test("each rule has a name of its own, and says what is wrong", () => {
  const { groups } = parse(renderRules()) as {
    groups: { rules: { alert: string; annotations: { summary: string } }[] }[];
  };
  const rules = groups.flatMap((group) => group.rules);
  assert.deepEqual(
    rules.map(({ alert }) => alert),
    ["Watchdog", "PartAway", "ServerAway", "ToolsWithheld", "LiteLlmAway", "LiteLlmRestarted", "ManyRefusals"],
  );
  for (const { alert, annotations } of rules) assert.ok(annotations.summary.length > 20, alert);
});
