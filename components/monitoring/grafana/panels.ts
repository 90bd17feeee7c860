import * as common from "@grafana/grafana-foundation-sdk/common";
import * as dashboard from "@grafana/grafana-foundation-sdk/dashboard";
import * as logs from "@grafana/grafana-foundation-sdk/logs";
import * as loki from "@grafana/grafana-foundation-sdk/loki";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as statetimeline from "@grafana/grafana-foundation-sdk/statetimeline";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";

/** A data source of `datasources.yaml`. A dashboard has a list of all of its type, for somebody with several stacks. */
export interface Source {
  readonly type: "prometheus" | "loki" | "grafana-postgresql-datasource";
  readonly uid: string;
  readonly name: string;
  /** Above the list. */
  readonly label: string;
}
export const PROMETHEUS: Source = {
  ...{ type: "prometheus", uid: "litellm-mcp-prometheus" },
  ...{ name: "LiteLLM MCP gateway", label: "Prometheus" },
};
export const LOKI: Source = {
  ...{ type: "loki", uid: "litellm-mcp-loki" },
  ...{ name: "LiteLLM MCP logs", label: "Loki" },
};
export const POSTGRES: Source = {
  ...{ type: "grafana-postgresql-datasource", uid: "litellm-mcp-spend" },
  ...{ name: "LiteLLM MCP spend", label: "Postgres" },
};
const chosenOf = ({ type }: Source) => ({ type, uid: "${datasource}" });
const DATASOURCE = chosenOf(PROMETHEUS);

/** A query, and what its series are called: `{{label}}` is the label's value. */
export interface Query {
  readonly expr: string;
  readonly legend: string;
}

interface Panel {
  readonly title: string;
  /** For whoever holds the mouse over its title. */
  readonly description: string;
  /** Of 24, which is the whole width. */
  readonly width: number;
}

/** Requests in a row get `A`, `B` and so on, by which a table names its columns. */
const refOf = (index: number) => String.fromCharCode("A".charCodeAt(0) + index);
const rangeOf = ({ expr, legend }: Query, index: number) =>
  new prometheus.DataqueryBuilder().refId(refOf(index)).expr(expr).legendFormat(legend).range();
const instantOf = (expr: string, index: number) =>
  new prometheus.DataqueryBuilder().refId(refOf(index)).expr(expr).instant();

export interface Graph extends Panel {
  readonly queries: readonly Query[];
  /** Of Grafana: `s` for seconds, `bytes`; `short` is a number. */
  readonly unit?: string;
  /** Colours by name of a series, where a name says whether something is well. */
  readonly colours?: Readonly<Record<string, string>>;
}

/** Lines over time. Nothing on it looks different from a gap, so that a quantile of no calls is no line. */
export function graph({ title, description, width, queries, unit = "short", colours = {} }: Graph) {
  const panel = new timeseries.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(DATASOURCE)
    .span(width)
    .height(8)
    .unit(unit)
    .min(0)
    .fillOpacity(10)
    .showPoints(common.VisibilityMode.Auto)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.Table)
        .placement(common.LegendPlacement.Bottom)
        .calcs(["lastNotNull", "max"]),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder().mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .targets(queries.map(rangeOf));
  for (const [name, fixedColor] of Object.entries(colours))
    panel.overrideByName(name, [{ id: "color", value: { mode: "fixed", fixedColor } }]);
  return panel;
}

/** What Loki counts in lines, in bars, each for as long as Grafana chooses. */
export const bars = ({
  title,
  description,
  width,
  queries,
}: Pick<Graph, "title" | "description" | "width" | "queries">) =>
  graph({ title, description, width, queries: [] })
    .datasource(chosenOf(LOKI))
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(80)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
    .targets(
      queries.map(({ expr, legend }, index) =>
        new loki.DataqueryBuilder().refId(refOf(index)).expr(expr).legendFormat(legend).queryType("range"),
      ),
    );

/** Lines of Loki themselves, the newest first. */
export const texts = ({ title, description, width, expr }: Panel & { readonly expr: string }) =>
  new logs.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(chosenOf(LOKI))
    .span(width)
    .height(10)
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(common.LogsSortOrder.Descending)
    .targets([new loki.DataqueryBuilder().refId("A").expr(expr).queryType("range").maxLines(500)]);

/** What Grafana's data source for Postgres takes; the SDK has no builder for it. */
export interface SqlQuery {
  readonly refId: string;
  readonly format: "time_series" | "table";
  readonly rawSql: string;
}
const sqlOf = (rawSql: string, format: SqlQuery["format"]) => ({
  build: () => ({
    ...({ refId: "A", format, rawSql } satisfies SqlQuery),
    ...{ rawQuery: true, editorMode: "code" },
    _implementsDataqueryVariant(): void {},
  }),
});

/** A bar for each day, of what Postgres answers: `time`, `metric`, which is a series' name, and a number. */
export const days = ({
  title,
  description,
  width,
  sql,
  unit,
}: Panel & { readonly sql: string; readonly unit: string }) =>
  graph({ title, description, width, queries: [], unit })
    .datasource(chosenOf(POSTGRES))
    .drawStyle(common.GraphDrawStyle.Bars)
    .fillOpacity(80)
    .stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal))
    .targets([sqlOf(sql, "time_series")]);

/** Rows of Postgres; columns with a unit of their own by their names. */
export function rows({
  title,
  description,
  width,
  sql,
  units,
}: Panel & { readonly sql: string; readonly units: Readonly<Record<string, string>> }) {
  const panel = new table.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(chosenOf(POSTGRES))
    .span(width)
    .height(8)
    .targets([sqlOf(sql, "table")]);
  for (const [column, unit] of Object.entries(units)) panel.overrideByName(column, [{ id: "unit", value: unit }]);
  return panel;
}

/** One number of Postgres. */
export const total = ({
  title,
  description,
  width,
  sql,
  unit,
}: Panel & { readonly sql: string; readonly unit: string }) =>
  number({ title, description, width, expr: "", unit })
    .datasource(chosenOf(POSTGRES))
    .decimals(unit === "short" ? 0 : 2)
    .targets([sqlOf(sql, "table")]);

/** One number, red from `bad` on where there is such a bound. */
export function number(panel: Panel & { readonly expr: string; readonly unit?: string; readonly bad?: number }) {
  const steps = [
    { value: null, color: "green" },
    ...(panel.bad === undefined ? [] : [{ value: panel.bad, color: "red" }]),
  ];
  return new stat.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .span(panel.width)
    .height(4)
    .unit(panel.unit ?? "short")
    .decimals(0)
    .thresholds(new dashboard.ThresholdsConfigBuilder().mode(dashboard.ThresholdsMode.Absolute).steps(steps))
    .colorMode(common.BigValueColorMode.Value)
    .graphMode(common.BigValueGraphMode.None)
    .reduceOptions(new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]))
    .targets([instantOf(panel.expr, 0)]);
}

/** A bar for each series, with a colour and a word for what it is meanwhile. */
export function states(
  panel: Panel & {
    readonly query: Query;
    readonly words: Readonly<Record<number, { readonly text: string; readonly color: string }>>;
    /** What it says where there is no series. */
    readonly none: string;
  },
) {
  return new statetimeline.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .span(panel.width)
    .height(8)
    .noValue(panel.none)
    .mappings([{ type: dashboard.MappingType.ValueToText, options: panel.words }])
    .mergeValues(true)
    .showValue(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(common.LegendDisplayMode.List)
        .placement(common.LegendPlacement.Bottom),
    )
    .targets([rangeOf(panel.query, 0)]);
}

/** A line for each value of `by`, and a column for each query, of how it is now. */
export function lines(
  panel: Panel & {
    readonly by: { readonly label: string; readonly title: string };
    readonly columns: Readonly<Record<string, string>>;
  },
) {
  const titles = Object.keys(panel.columns);
  return new table.PanelBuilder()
    .title(panel.title)
    .description(panel.description)
    .datasource(DATASOURCE)
    .span(panel.width)
    .height(8)
    .targets(
      Object.values(panel.columns).map((expr, index) =>
        instantOf(expr, index).format(prometheus.PromQueryFormat.Table),
      ),
    )
    .withTransformation({ id: "merge", options: {} })
    .withTransformation({
      id: "organize",
      options: {
        excludeByName: { Time: true },
        indexByName: Object.fromEntries([
          [panel.by.label, 0],
          ...titles.map((_title, index) => [`Value #${refOf(index)}`, index + 1]),
        ]),
        renameByName: Object.fromEntries([
          [panel.by.label, panel.by.title],
          ...titles.map((title, index) => [`Value #${refOf(index)}`, title]),
        ]),
      },
    });
}

/** A list above the dashboard: all values that a label has. */
export const listOf = (name: string, label: string, metric: string, inMetric: string, source = PROMETHEUS) =>
  new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(chosenOf(source))
    .query(`label_values(${metric}, ${inMetric})`)
    .definition(`label_values(${metric}, ${inMetric})`)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    // Also what has no such label.
    .allValue(".*")
    .current({ selected: true, text: ["All"], value: ["$__all"] });

/** A list above the dashboard: what a query answers. */
export const choiceOf = (name: string, label: string, sql: string) =>
  new dashboard.QueryVariableBuilder(name)
    .label(label)
    .datasource(chosenOf(POSTGRES))
    .query(sql)
    .definition(sql)
    .refresh(dashboard.VariableRefresh.OnTimeRangeChanged)
    .sort(dashboard.VariableSort.AlphabeticalAsc)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ["All"], value: ["$__all"] });

/** A field above the dashboard, for a word that is looked for. */
export const wordOf = (name: string, label: string) => new dashboard.TextBoxVariableBuilder(name).label(label);

type AnyPanel = ReturnType<typeof graph | typeof number | typeof states | typeof lines | typeof texts | typeof rows>;
type AnyVariable = ReturnType<typeof listOf | typeof wordOf | typeof choiceOf>;

/** A dashboard of rows, each with its title and its panels, from left to right. */
export function dashboardOf(
  {
    uid,
    title,
    description,
    from = "now-6h",
    refresh = "30s",
  }: Record<"uid" | "title" | "description", string> & Partial<Record<"from" | "refresh", string>>,
  source: Source,
  lists: readonly AnyVariable[],
  rows: Readonly<Record<string, readonly AnyPanel[]>>,
): dashboard.Dashboard {
  const built = new dashboard.DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags(["litellm-mcp"])
    .timezone("browser")
    .tooltip(dashboard.DashboardCursorSync.Crosshair)
    .time({ from, to: "now" })
    .refresh(refresh)
    .link(
      new dashboard.DashboardLinkBuilder("The gateway's dashboards")
        .type(dashboard.DashboardLinkType.Dashboards)
        .tags(["litellm-mcp"])
        .keepTime(true),
    )
    .withVariable(
      new dashboard.DatasourceVariableBuilder("datasource")
        .label(source.label)
        .type(source.type)
        .current({ selected: true, text: source.name, value: source.uid }),
    );
  for (const list of lists) built.withVariable(list);
  let id = 0;
  for (const [rowTitle, panels] of Object.entries(rows)) {
    built.withRow(new dashboard.RowBuilder(rowTitle).id((id += 1)));
    for (const panel of panels) built.withPanel(panel.id((id += 1)));
  }
  return built.build();
}
