import Table from "cli-table3";
import pc from "picocolors";
import type { ToolRule } from "../../ingress/rights.ts";
import type { Figures, Recent } from "../audit/figures.ts";
import { size } from "../backup/progress.ts";
import type {
  BackupStatus,
  ContainerStatus,
  NetworkStatus,
  ScheduledCheckStatus,
  ServerStatus,
  Spend,
  Status,
} from "./status.ts";

/** One table of what a stack has. */
interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
export const minute = (time: string) => (time ? `${time.slice(0, 16).replace("T", " ")} UTC` : "");
const listed = (names: readonly string[]) => names.join(", ") || "–";

const memory = ({ memory: used }: ContainerStatus) => (used ? `${mib(used.bytes)} of ${mib(used.limit)}` : "–");
const tools = ({ tools: shown }: ServerStatus) => (shown === null ? "–" : String(shown));

const recent = (calls: Recent | null, figure: keyof Figures) =>
  calls ? `${number(calls.hour[figure])} / ${number(calls.day[figure])}` : "–";
const number = (figure: number | null) => (figure === null ? "–" : String(figure));

/** Models cost parts of a cent. */
const dollars = (amount: number) => `$${Number(amount.toFixed(4))}`;
const left = (spend: Spend | null) => {
  if (spend?.left === null || spend?.left === undefined) return "–";
  return `${dollars(spend.left)}${spend.renewed ? `, new at ${minute(spend.renewed)}` : ""}`;
};

/** What a client may use, as the settings would say it. */
const rule = ([server, { allow, deny }]: readonly [string, ToolRule]) => {
  if (allow) return `${server} (only ${listed(allow)})`;
  return deny.length ? `${server} (not ${deny.join(", ")})` : server;
};

const networkKind = ({ isOwn, isInternal }: NetworkStatus) =>
  `${isOwn ? "" : "somebody else's, "}${isInternal ? "no way out" : "with a way out"}`;

const backupRow = ({ newest, kept, next }: BackupStatus) => [
  ...[newest?.name ?? "none", minute(newest?.made ?? "") || "–", newest ? size(newest.bytes) : "–"],
  ...[kept === null ? "–" : String(kept), minute(next) || "–"],
];

const scheduledCheckRow = ({ last, next }: ScheduledCheckStatus) => [
  ...(last ? [minute(last.at), `${last.seconds.toFixed(1)} s`, listed(last.tried)] : ["none", "–", "–"]),
  minute(next) || "–",
];

/** Everything but the problems. */
export const sectionsOf = (status: Status): Section[] => [
  {
    title: "Containers",
    head: ["container", "state", "since", "memory", "restarts"],
    rows: status.containers.map((one) => [one.name, one.state, minute(one.since), memory(one), String(one.restarts)]),
  },
  {
    title: "MCP servers",
    head: ["server", "state", "tools", "withheld", "restarts"],
    rows: status.servers.map((one) => [one.name, one.state, tools(one), String(one.withheld), String(one.restarts)]),
  },
  {
    title: "Calls of servers, in the last hour / day",
    head: ["server", "calls", "errors", "p50 ms", "p95 ms"],
    rows: status.servers.map(({ name, calls }) => [
      name,
      ...(["calls", "errors", "p50", "p95"] as const).map((figure) => recent(calls, figure)),
    ]),
  },
  {
    title: "Calls of clients, in the last hour / day",
    head: ["client", "calls", "errors", "refused", "spent", "left"],
    rows: status.clients.map(({ name, calls, spend }) => [
      name,
      ...(["calls", "errors", "refused"] as const).map((figure) => recent(calls, figure)),
      ...[spend ? dollars(spend.spent) : "–", left(spend)],
    ]),
  },
  {
    title: "Clients",
    head: ["client", "may use"],
    rows: status.clients.map(({ name, rules }) => [name, listed(Object.entries(rules).map(rule))]),
  },
  {
    title: "Networks",
    head: ["network", "", "on it"],
    rows: status.networks.map((one) => [
      ...[one.name, one.isThere ? networkKind(one) : "not there", listed(one.members)],
    ]),
  },
  {
    title: `Databases in ${status.databases.where}`,
    head: ["database", "size"],
    rows: status.databases.databases.map(({ name, bytes }) => [name, mib(bytes)]),
  },
  {
    title: "Backups that the host makes each day",
    head: ["newest good one", "made", "size", "kept", "next"],
    rows: status.backup ? [backupRow(status.backup)] : [],
  },
  {
    title: "Scheduled check",
    head: ["last", "took", "looked at", "next"],
    rows: status.scheduledCheck ? [scheduledCheckRow(status.scheduledCheck)] : [],
  },
  {
    title: "Versions",
    head: ["container", "image"],
    rows: status.containers.map(({ name, image }) => [name, image || "–"]),
  },
];

/** For a document: what changes from minute to minute (memory, restarts, calls) is left out, what a reader looks up is there. */
const documentSections = (status: Status): Section[] => {
  const [, servers, , , clients, networks] = sectionsOf(status);
  return [
    {
      title: "Containers",
      head: ["container", "image", "networks", "ports of the host", "state", "since"],
      rows: status.containers.map((one) => [
        ...[one.name, one.image || "–", listed(one.networks), listed(one.ports), one.state, minute(one.since)],
      ]),
    },
    { ...servers!, head: ["server", "state", "tools", "withheld"], rows: servers!.rows.map((row) => row.slice(0, 4)) },
    clients!,
    networks!,
    { title: "Volumes", head: ["volume"], rows: status.volumes.map((name) => [name]) },
    {
      title: `Databases in ${status.databases.where}`,
      head: ["database"],
      rows: status.databases.databases.map(({ name }) => [name]),
    },
    { title: "Keys and passwords, by name", head: ["name"], rows: status.secrets.map((name) => [name]) },
  ];
};

/** For a terminal. */
export function showTables(status: Status, problems: readonly string[]): string {
  const tables = sectionsOf(status)
    .filter(({ rows }) => rows.length)
    .map(({ title, head, rows }) => {
      const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
      const table = new Table({ head: [...head], style: { head: [], border: [] }, chars: noRules });
      table.push(...rows.map((row) => [...row]));
      return `${pc.bold(title)}\n${table.toString()}`;
    });
  return [...tables, verdict(status, problems)].join("\n\n");
}

function verdict({ stack, gateway }: Status, problems: readonly string[]): string {
  if (problems.length) return pc.red(problems.map((problem) => `✖ ${problem}`).join("\n"));
  return pc.green(`Stack ${stack} is as it should be, at ${gateway.url}. npm run verify calls its tools as well.`);
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
const row = (cells: readonly string[]) => `| ${cells.map(cell).join(" | ")} |`;

/** For a document, without colours. */
export function showMarkdown(status: Status, problems: readonly string[], now: Date): string {
  const { stack, docker, gateway } = status;
  return [
    `# Stack ${stack}: what there is`,
    `Written by \`npm run status -- --stack ${stack} --markdown\` at ${minute(now.toISOString())}. It has names of keys and no keys.`,
    `The gateway is at ${gateway.url}/mcp (MCP) and ${gateway.url}/v1 (models), on Docker ${docker.version} at ${docker.host}.`,
    `A client connects with its own key: \`npm run clients -- --stack ${stack}\` writes the files for its app, with address and key.`,
    ...documentSections(status)
      .filter(({ rows }) => rows.length)
      .map(
        ({ title, head, rows }) =>
          `## ${title}\n\n${[row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n")}`,
      ),
    `## What is not as it should be`,
    problems.length ? problems.map((problem) => `- ${problem}`).join("\n") : "Nothing.",
  ].join("\n\n");
}
