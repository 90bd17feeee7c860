import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { PARTS, PROMETHEUS_ALERTS, WATCHDOG } from "../../check/scheduled/prometheus.ts";
import { testSettings } from "../../tests/settings.ts";
import { renderPrometheusConfig, renderRules } from "./prometheus-config.ts";

interface Job {
  readonly job_name: string;
  readonly authorization?: { readonly credentials_file: string };
  readonly static_configs: readonly { readonly targets: readonly string[]; readonly labels?: object }[];
}

test("the ingress is asked without a token, and each adapter with its own, which is in a file", () => {
  const { scrape_configs: jobs } = parse(renderPrometheusConfig(testSettings(), "ingress:4001", undefined)) as {
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

test("alerts go to the scheduled check where it tells somebody, and else nowhere", () => {
  const alerting = (alertsTo: string | undefined) =>
    (parse(renderPrometheusConfig(testSettings(), "ingress:4001", alertsTo)) as { alerting?: unknown }).alerting;
  assert.equal(alerting(undefined), undefined);
  assert.deepEqual(alerting("alerts:9093"), { alertmanagers: [{ static_configs: [{ targets: ["alerts:9093"] }] }] });
});

test("each part that is asked, and each alert, is one that the scheduled check knows", () => {
  const { scrape_configs: jobs } = parse(renderPrometheusConfig(testSettings(), "ingress:4001", undefined)) as {
    scrape_configs: Job[];
  };
  const parts = jobs.filter(({ job_name: job }) => !job.startsWith("adapter-")).map(({ job_name: job }) => job);
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
