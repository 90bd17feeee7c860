import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { projectRoot } from "../../lib/project-root.ts";

/** What the lists above a dashboard choose; all of them, as `allValue` says, where nothing is chosen. */
export type Chosen = Readonly<Partial<Record<"client" | "server" | "container" | "word", string>>>;

/** One query of a panel, as it is in the committed file. */
export interface PanelQuery {
  readonly dashboard: string;
  readonly panel: string;
  readonly expr: string;
  readonly instant: boolean;
}

interface DashboardFile {
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly targets?: readonly { readonly expr: string; readonly instant: boolean; readonly rawSql?: string }[];
  }[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string; readonly query: string }[];
  };
}

const read = (name: string) =>
  JSON.parse(
    readFileSync(path.join(projectRoot, "examples/grafana/dashboards", `${name}.json`), "utf8"),
  ) as DashboardFile;

export const queriesOf = (dashboard: string): PanelQuery[] =>
  read(dashboard).panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, instant }) => ({ dashboard, panel: title, expr, instant })),
  );

/** Queries of Postgres, with those of the lists above the dashboard. */
export const sqlOf = (dashboard: string): { readonly panel: string; readonly sql: string }[] => {
  const { panels, templating } = read(dashboard);
  return [
    ...templating.list.flatMap(({ name, type, query }) => (type === "query" ? [{ panel: name, sql: query }] : [])),
    ...panels.flatMap(({ title, targets = [] }) => targets.map(({ rawSql }) => ({ panel: title, sql: rawSql! }))),
  ];
};

/**
 * SQL with everything replaced that Grafana replaces in it, of the last thirty days.
 * https://grafana.com/docs/grafana/latest/datasources/postgres/#macros
 */
export function asGrafanaSql(sql: string, chosen: Readonly<Record<string, readonly string[]>>): string {
  const to = Date.now();
  const time = (at: number) => `'${new Date(at).toISOString()}'`;
  const list = (values: readonly string[]) => values.map((value) => `'${value.replaceAll("'", "''")}'`).join(",");
  const replaced = sql
    .replace(/\$__timeFilter\((\w+)\)/g, `$1 BETWEEN ${time(to - 30 * 86_400_000)} AND ${time(to)}`)
    .replace(/\$__timeGroupAlias\((\w+), ?'1d'\)/g, 'floor(extract(epoch from $1)/86400)*86400 AS "time"')
    .replace(/\$(\w+)/g, (whole, name: string) => (chosen[name] ? list(chosen[name]) : whole));
  assert.doesNotMatch(replaced, /\$/);
  return replaced;
}

/** The lists above a dashboard: the figure, or the lines, and the label whose values they have. */
export const listsOf = (dashboard: string) =>
  read(dashboard)
    .templating.list.filter(({ type }) => type === "query")
    .map(({ name, query }) => {
      const [, figure, label] = /^label_values\((.+), (\w+)\)$/.exec(query)!;
      return { name, figure: figure!, label: label! };
    });

/** How far two values of a graph are apart, for a graph of half an hour; figures are kept every ten seconds. */
export const STEP_S = 15;
const SCRAPE_S = 10;
export const RANGE_S = 1_800;
/** https://grafana.com/docs/grafana/latest/datasources/prometheus/template-variables/#use-__rate_interval */
export const WINDOW_S = Math.max(STEP_S + SCRAPE_S, 4 * SCRAPE_S);

/** A query with everything replaced that Grafana replaces in it. */
export function asGrafana(
  expr: string,
  { client = ".*", server = ".*", container = ".*", word = "" }: Chosen = {},
): string {
  const values: Readonly<Record<string, string>> = {
    ...{ client, server, container, word },
    __auto: `${STEP_S}s`,
    __rate_interval: `${WINDOW_S}s`,
    __rate_interval_ms: `${WINDOW_S * 1_000}`,
    __range: `${RANGE_S}s`,
  };
  return expr.replace(/\$(\w+)/g, (whole, name: string) => {
    assert.ok(values[name] !== undefined, `${whole} in ${expr}`);
    return values[name];
  });
}
