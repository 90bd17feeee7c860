import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { Panel } from "@grafana/grafana-foundation-sdk/dashboard";
import type { dataquery as LokiQuery } from "@grafana/grafana-foundation-sdk/loki";
import type { Dataquery } from "@grafana/grafana-foundation-sdk/prometheus";
import type { Registry } from "prom-client";
import { parse } from "yaml";
import { Metrics as AdapterMetrics } from "../../../adapter/metrics.ts";
import type { Upstream } from "../../../adapter/upstream.ts";
import { figuresOf } from "../../../check/scheduled/figures.ts";
import { NOTHING_KNOWN } from "../../../check/scheduled/state.ts";
import { Metrics as IngressMetrics } from "../../../ingress/metrics.ts";
import { projectRoot } from "../../../lib/project-root.ts";
import { DASHBOARDS_FOLDER, GRAFANA_FOLDER, grafanaFiles, SPEND_PASSWORD_FILE } from "./files.ts";
import { LABELS } from "../loki-config.ts";
import { SPEND_VIEWS } from "../../postgres/spend-views.ts";
import { gatewayDashboard } from "./gateway.ts";
import { logsDashboard } from "./logs.ts";
import type { SqlQuery } from "./panels.ts";
import { perMinute, quantile } from "./queries.ts";
import { serversDashboard } from "./servers.ts";
import { spendDashboard } from "./spend.ts";

const textOf = (file: string) => readFileSync(path.join(projectRoot, file), "utf8");
const dashboards = { gateway: gatewayDashboard(), servers: serversDashboard() };
const all = { ...dashboards, logs: logsDashboard(), spend: spendDashboard() };

test("the committed files are those of the program", () => {
  const files = grafanaFiles();
  const committed = readdirSync(path.join(projectRoot, GRAFANA_FOLDER), { recursive: true, encoding: "utf8" });
  assert.deepEqual(committed.filter((file) => path.extname(file)).sort(), Object.keys(files).sort());
  for (const [file, text] of Object.entries(files))
    assert.equal(textOf(path.join(GRAFANA_FOLDER, file)), text, "run npm run docs");
});

test("the dashboards ask the data source of the files, unless somebody chooses another one", () => {
  const files = grafanaFiles();
  const [{ datasources }, ofSpend] = ["datasources.yaml", "datasources-spend.yaml"].map(
    (file) => parse(files[file]!) as { datasources: Record<string, unknown>[] },
  ) as [{ datasources: Record<string, unknown>[] }, { datasources: Record<string, unknown>[] }];
  assert.deepEqual(datasources, [
    {
      name: "LiteLLM MCP gateway",
      uid: "litellm-mcp-prometheus",
      type: "prometheus",
      access: "proxy",
      url: "http://prometheus:9090",
      jsonData: { timeInterval: "10s" },
    },
    {
      name: "LiteLLM MCP logs",
      uid: "litellm-mcp-loki",
      type: "loki",
      access: "proxy",
      url: "http://loki:3100",
    },
  ]);
  assert.deepEqual(ofSpend.datasources, [
    {
      name: "LiteLLM MCP spend",
      uid: "litellm-mcp-spend",
      type: "grafana-postgresql-datasource",
      access: "proxy",
      url: "postgres:5432",
      user: "spend_reader",
      jsonData: { database: "litellm_db", sslmode: "disable", maxOpenConns: 3, maxIdleConns: 1 },
      secureJsonData: { password: `$__file{${SPEND_PASSWORD_FILE}}` },
    },
  ]);
  const sources = [...datasources, ...ofSpend.datasources];
  for (const [dashboard, { templating }] of Object.entries(all)) {
    const [{ type, name, query, current } = {}] = templating?.list ?? [];
    assert.deepEqual([type, name], ["datasource", "datasource"]);
    const at = { logs: 1, spend: 2 }[dashboard] ?? 0;
    assert.deepEqual([query, current?.value], [sources[at]!["type"], sources[at]!["uid"]]);
  }
});

test("the page mounts the files where Grafana and they expect them", () => {
  const { providers } = parse(grafanaFiles()["dashboards.yaml"]!) as { providers: { options: { path: string } }[] };
  assert.deepEqual(
    providers.map(({ options }) => options.path),
    [DASHBOARDS_FOLDER],
  );
  const page = textOf("docs/grafana.md");
  for (const mount of [
    "/datasources.yaml:/etc/grafana/provisioning/datasources/litellm-mcp.yaml:ro",
    "/dashboards.yaml:/etc/grafana/provisioning/dashboards/litellm-mcp.yaml:ro",
    `/dashboards:${DASHBOARDS_FOLDER}:ro`,
    "/datasources-spend.yaml:/etc/grafana/provisioning/datasources/litellm-mcp-spend.yaml:ro",
    `:${SPEND_PASSWORD_FILE}:ro`,
  ])
    assert.ok(page.includes(mount), mount);
});

/** Labels of every figure that there is, by the name that Prometheus has for it. */
async function figures(): Promise<Map<string, Set<string>>> {
  const ofGate = {
    ...{ running: 0, waiting: 0, counts: { held: 0, closings: 0, losses: 0 } },
    answers: () => Promise.resolve(true),
  };
  const registries: Registry[] = [
    new IngressMetrics(() => ofGate).registry,
    figuresOf({
      ...{ state: () => NOTHING_KNOWN, lookedAt: [], backup: () => undefined },
      disk: () => ({ blocks: 1, bfree: 1, bavail: 1, files: 0, ffree: 0 }),
    }),
    new AdapterMetrics({ catalogue: { tools: [] }, requests: {} } as unknown as Upstream, () => 0).registry,
  ];
  // Prometheus's own labels, and that of the adapters' job.
  const always = ["job", "instance", "mcp_server"];
  const known = new Map([
    ["up", new Set(always)],
    ["ALERTS", new Set([...always, "alertname", "alertstate"])],
  ]);
  for (const { name, type } of registries.flatMap((registry) => registry.getMetricsAsArray())) {
    const own = registries.flatMap(
      (registry) => (registry.getSingleMetric(name) as { labelNames?: string[] } | undefined)?.labelNames ?? [],
    );
    const suffixes = String(type) === "histogram" ? ["_bucket", "_count", "_sum"] : [""];
    for (const suffix of suffixes) known.set(`${name}${suffix}`, new Set([...always, ...own, "le"]));
  }
  return known;
}

/** What a query names besides functions, operators, labels and what Grafana replaces. */
function metricsOf(expr: string): string[] {
  const bare = expr.replace(/\{[^}]*\}|\[[^\]]*\]|\b(?:by|on) \([^)]*\)|\$\w+/g, " ");
  return (bare.match(/[A-Za-z_]\w*(?!\w*\s*\()/g) ?? []).filter((word) => !/^(?:and|or|unless|offset)$/.test(word));
}

test("what a query names is found in it", () => {
  assert.deepEqual(metricsOf(perMinute('a{x="$c"}', ["job"])), ["a", "a", "up", "a"]);
  assert.deepEqual(metricsOf(quantile(0.5, "b", "")), ["b_bucket", "b_bucket", "up", "b_bucket"]);
});

for (const [name, { uid, panels = [] }] of Object.entries(all)) {
  const shown = panels.filter((panel): panel is Panel => panel.type !== "row");

  test(`${name}: each panel has a name of its own, says what it shows, and is beside the others`, () => {
    assert.match(uid!, /^litellm-mcp-[a-z]+$/);
    for (const property of ["id", "title"] as const)
      assert.equal(new Set(panels.map((panel) => panel[property])).size, panels.length, property);
    const taken = new Set<string>();
    for (const { title, description } of shown) assert.match(description!, /^.{10,}$/, title);
    for (const { title, gridPos } of panels) {
      const { x, y, w, h } = gridPos!;
      assert.ok(x + w <= 24, `${title} is wider than the page`);
      for (let column = x; column < x + w; column += 1)
        for (let line = y; line < y + h; line += 1) {
          assert.ok(!taken.has(`${column},${line}`), `${title} is on another panel`);
          taken.add(`${column},${line}`);
        }
    }
    assert.ok(shown.length >= ({ logs: 7, spend: 12 }[name] ?? 14), `${shown.length} panels`);
  });
}

for (const [name, { panels = [], templating }] of Object.entries(dashboards)) {
  const shown = panels.filter((panel): panel is Panel => panel.type !== "row");

  test(`${name}: queries ask for figures, labels and lists that there are`, async () => {
    const known = await figures();
    const lists = (templating?.list ?? []).map((list) => list.name);
    let selectors = 0;
    for (const panel of shown) {
      assert.deepEqual(panel.datasource, { type: "prometheus", uid: "${datasource}" });
      for (const { expr } of panel.targets as Dataquery[]) {
        const metrics = metricsOf(expr);
        assert.ok(metrics.length, expr);
        for (const metric of metrics) assert.ok(known.has(metric), `${metric} in ${expr}`);
        for (const [, metric, labels] of expr.matchAll(/(\w+)\{([^}]*)\}/g)) {
          selectors += 1;
          for (const [, label] of labels!.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
            assert.ok(known.get(metric!)?.has(label!), `${label} of ${metric} in ${expr}`);
        }
        for (const [, variable] of expr.matchAll(/\$(?!__)(\w+)/g)) assert.ok(lists.includes(variable!), variable);
      }
    }
    assert.ok(selectors > 20, `the search found only ${selectors} figures with labels`);
  });
}

test("logs: queries ask for labels that there are, and for what is chosen above", () => {
  const { panels = [], templating } = logsDashboard();
  const lists = (templating?.list ?? []).map((list) => list.name);
  const queries = panels.flatMap((panel) =>
    panel.type === "row" ? [] : ((panel as Panel).targets as LokiQuery[]).map(({ expr }) => expr),
  );
  assert.ok(queries.length >= 7);
  for (const expr of queries) {
    const [, selector = ""] = /\{([^}]*)\}/.exec(expr)!;
    const labels = [...selector.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label]) => label!);
    assert.equal(labels[0], "job", "something that is always there is chosen first");
    for (const label of labels)
      assert.ok(
        LABELS.some((one) => one === label),
        `${label} in ${expr}`,
      );
    for (const [, variable] of expr.matchAll(/\$(?!__)(\w+)/g)) assert.ok(lists.includes(variable!), variable);
  }
});

test("spend: queries ask for views, columns and lists that there are, and for nothing else of the database", () => {
  const { panels = [], templating } = spendDashboard();
  const lists = (templating?.list ?? []).slice(1);
  const queries = [
    ...lists.map(({ query }) => query as string),
    ...panels.flatMap((panel) =>
      panel.type === "row" ? [] : ((panel as Panel).targets as unknown as SqlQuery[]).map(({ rawSql }) => rawSql),
    ),
  ];
  assert.ok(queries.length >= 13);
  const sql = "select distinct as from where and in group by order desc nulls last sum nullif time metric value";
  for (const query of queries) {
    const views = [...query.matchAll(/FROM (\S+)/g)].map(([, view]) =>
      SPEND_VIEWS.find(({ name }) => view === `litellm_mcp_spend.${name}`),
    );
    assert.ok(views.length && views.every(Boolean), query);
    const named = [...query.matchAll(/AS (?:"([^"]+)"|(\w+))/g)].map(([, quoted, plain]) => quoted ?? plain!);
    const known = [
      ...sql.split(" "),
      ...named,
      ...views.flatMap((view) => view!.columns.map((column) => column.split(" ")[0]!)),
    ];
    const words = query.replace(/litellm_mcp_spend\.\w+|'[^']*'|"[^"]*"|\$__\w+|\$\w+/g, " ").match(/[A-Za-z_]+/g)!;
    for (const word of words)
      assert.ok(known.includes(word) || known.includes(word.toLowerCase()), `${word} in ${query}`);
    for (const [, variable] of query.matchAll(/\$(?!__)(\w+)/g))
      assert.ok(
        lists.some(({ name }) => name === variable),
        variable,
      );
  }
});
