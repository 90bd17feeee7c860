import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { bars, dashboardOf, listOf, LOKI, texts, wordOf } from "./panels.ts";

/** What somebody has chosen above the dashboard; all of it also has what no client or server is known of. */
const calls = 'job="calls", client=~"$client", server=~"$server"';
/** The line of a call that has begun has its arguments, and the one of its end what came of it. */
const ended = `${calls}, outcome!="begun"`;
const logs = 'job="logs", container=~"$container"';
const withWord = "|~ `(?i)$word`";
const counted = (by: string, lines: string) => `sum by (${by}) (sum_over_time({${lines}} | unwrap count [$__auto]))`;

/** The record of calls and the logs of containers, as Loki keeps them. */
export const logsDashboard = (): Dashboard =>
  dashboardOf(
    {
      uid: "litellm-mcp-logs",
      title: "LiteLLM MCP: calls and logs",
      description: "The record of calls, line by line, and what containers have written.",
    },
    LOKI,
    [
      listOf("client", "Client", '{job="calls"}', "client", LOKI),
      listOf("server", "MCP server", '{job="calls"}', "server", LOKI),
      listOf("container", "Container", '{job="logs"}', "container", LOKI),
      wordOf("word", "Lines with"),
    ],
    {
      Calls: [
        bars({
          title: "Calls, by what came of them",
          description: "Also requests that were refused before they were a call of a tool.",
          width: 12,
          queries: [{ expr: counted("outcome", ended), legend: "{{outcome}}" }],
        }),
        bars({
          title: "Calls, by client",
          description: "Without a name: whoever came with a wrong key.",
          width: 12,
          queries: [{ expr: counted("client", ended), legend: "{{client}}" }],
        }),
        texts({
          title: "What failed or was refused",
          description: "The reason is in the line. npm run audit shows the same as a table.",
          width: 24,
          expr: `{${calls}, outcome!~"begun|answered"} ${withWord}`,
        }),
        texts({
          title: "Record of calls",
          description: "Two lines of each: its arguments, and what came of it.",
          width: 24,
          expr: `{${calls}} ${withWord}`,
        }),
      ],
      Logs: [
        bars({
          title: "Lines, by container",
          description: "A container that suddenly writes much more than before is worth a look.",
          width: 24,
          queries: [{ expr: `sum by (container) (count_over_time({${logs}}[$__auto]))`, legend: "{{container}}" }],
        }),
        texts({
          title: "Lines that speak of an error",
          description: "By their words: error, warning, fatal, traceback.",
          width: 24,
          expr: `{${logs}} |~ \`(?i)\\b(error|warn|warning|fatal|traceback)\\b\` ${withWord}`,
        }),
        texts({
          title: "All lines",
          description: "Of the containers that are chosen.",
          width: 24,
          expr: `{${logs}} ${withWord}`,
        }),
      ],
    },
  );
