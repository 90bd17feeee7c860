import { compareText } from "../../lib/compare-text.ts";
import { escaped } from "./escaped.ts";
import type { ClientStatus, ContainerStatus, DatabaseStatus, NetworkStatus, ServerStatus, Status } from "./status.ts";

/** How something is, for its colour. */
type Mood = "good" | "warning" | "bad" | "other";

const COLOURS: Readonly<Record<Mood, { readonly line: string; readonly fill: string }>> = {
  good: { line: "#2e7d4f", fill: "#eef7f1" },
  warning: { line: "#b7791f", fill: "#fdf6e3" },
  bad: { line: "#b3261e", fill: "#fdecea" },
  other: { line: "#6b7280", fill: "#f3f4f6" },
};
/** One whose widths Graphviz knows; browsers have it, or another of the same widths. */
const FONT = "Helvetica";

/** From left to right, as a call goes; what is not named is one of the MCP servers' containers. */
const COLUMNS: Readonly<Record<string, number>> = {
  ...{ "scheduled-check": 0, prometheus: 0, "log-collector": 0, grafana: 0, loki: 1, ingress: 1, litellm: 2 },
  ...{ postgres: 5, redis: 5, backup: 6 },
};
const ADAPTERS = 3;
const IMAGES = 4;

/**
 * The stack as a graph for Graphviz: clients, containers and networks. Two containers that share a network reach each other; that is
 * drawn as Docker says it is, and not as it was meant.
 */
export function drawing(status: Status): string {
  const { clients, containers, networks, databases } = status;
  const serverOf = serversByContainer(status);
  const column = (container: ContainerStatus) => columnOf(container, serverOf.get(container.name) !== undefined);
  const known = new Set(containers.map(({ name }) => name));
  const strangers = [...new Set(networks.flatMap(({ members }) => members))]
    .filter((name) => !known.has(name))
    .sort(compareText);
  // One that is a container is on a network, the stack's own or somebody else's.
  const isElsewhere =
    !containers.some(({ part }) => part === "postgres") &&
    !strangers.some((name) => databases.where.startsWith(`${name}:`));
  const ingress = containers.find(({ part }) => part === "ingress");
  return [
    "digraph stack {",
    `rankdir=LR; nodesep=0.22; ranksep="0.55"; bgcolor="transparent";`,
    `node [shape=plain, fontname="${FONT}", fontsize=11]; edge [arrowhead=none, color="#9ca3af", fontname="${FONT}", fontsize=9];`,
    ...clients.map((client) => node(`client ${client.name}`, clientLabel(client))),
    ...containers.map((container) =>
      node(
        `container ${container.name}`,
        containerLabel(
          container,
          serverOf.get(container.name),
          container.part === "postgres" ? databases.databases : [],
        ),
      ),
    ),
    ...strangers.map((name) => node(`container ${name}`, box("other", name, ["somebody else's"]))),
    ...networks.map((network) => node(`network ${network.name}`, networkLabel(network))),
    ...(networks.some(({ isInternal, isThere }) => isThere && !isInternal)
      ? [node("outside", box("other", "LAN and internet", []))]
      : []),
    ...(isElsewhere
      ? [node("postgres", box("other", `Postgres at ${databases.where}`, [])), edge("outside", "postgres", "dashed")]
      : []),
    ...(ingress ? clients.map(({ name }) => edge(`client ${name}`, `container ${ingress.name}`, "bold")) : []),
    ...networks.filter(({ isThere }) => isThere).flatMap((network) => lines(network, containers, column)),
    "}",
  ].join("\n");
}

/** The lines of a network: from those that ask to it, and from it to those that are asked. */
function lines(
  { name, members, isInternal }: NetworkStatus,
  containers: readonly ContainerStatus[],
  column: (container: ContainerStatus) => number,
): string[] {
  const network = `network ${name}`;
  // Docker does not count one that does not run among them; it is on it again when it does.
  const stopped = containers.filter((one) => one.networks.includes(name) && !members.includes(one.name));
  const there = [...members, ...stopped.map((one) => one.name)].map((member) => {
    const container = containers.find((one) => one.name === member);
    return { member, at: container ? column(container) : ADAPTERS };
  });
  const first = Math.min(...there.map(({ at }) => at));
  return [
    ...there.map(({ member, at }) =>
      // All that get out by a network stand before it.
      isInternal && at > first ? edge(network, `container ${member}`) : edge(`container ${member}`, network),
    ),
    ...(isInternal ? [] : [edge(network, "outside", "dashed")]),
  ];
}

function columnOf({ part }: ContainerStatus, isOfServer: boolean): number {
  const column = Object.hasOwn(COLUMNS, part) ? COLUMNS[part] : undefined;
  return column ?? (isOfServer ? ADAPTERS : IMAGES);
}

/** A server by the container of its adapter, or by its own where it has none. */
const serversByContainer = ({ containers, servers }: Status): ReadonlyMap<string, ServerStatus> =>
  new Map(
    servers.flatMap((server) => {
      const parts = [`mcp-${server.name}-adapter`, `mcp-${server.name}`];
      const container = parts.map((part) => containers.find((one) => one.part === part)).find((one) => one);
      return container ? [[container.name, server] as const] : [];
    }),
  );

const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;

function containerLabel(
  container: ContainerStatus,
  server: ServerStatus | undefined,
  databases: readonly DatabaseStatus[],
): string {
  const { name, state, memory, restarts, ports } = container;
  const isWell = state === "healthy" || state === "running";
  const mood: Mood =
    !isWell || (server && isDown(server))
      ? state === "starting"
        ? "warning"
        : "bad"
      : server?.withheld
        ? "warning"
        : "good";
  return box(mood, name, [
    [state, memory && mib(memory.bytes), restarts ? counted(restarts, "restart") : ""].filter(Boolean).join(", "),
    ...(server ? serverLines(server, isWell) : []),
    ...databases.map((database) => `${database.name}, ${mib(database.bytes)}`),
    ...ports,
  ]);
}

const isDown = ({ state }: ServerStatus) => state !== "up" && state !== "without an adapter";

const serverLines = (server: ServerStatus, isRunning: boolean): string[] => [
  ...(isDown(server) && isRunning ? [`server ${server.state === "down" ? "down" : "not known"}`] : []),
  ...(server.tools === null
    ? []
    : [`${counted(server.tools, "tool")}${server.withheld ? `, ${server.withheld} withheld` : ""}`]),
  ...lastHour(server.calls),
];

const counted = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;

const clientLabel = ({ name, rules, calls }: ClientStatus) =>
  box("other", name, [Object.keys(rules).join(", ") || "no server", ...lastHour(calls)]);

const lastHour = (calls: ServerStatus["calls"]): string[] => {
  if (!calls) return [];
  const { hour } = calls;
  const wrong = [hour.errors ? `${hour.errors} failed` : "", hour.refused ? `${hour.refused} refused` : ""].filter(
    Boolean,
  );
  return [[`${counted(hour.calls, "call")} in the last hour`, ...wrong].join(", ")];
};

const networkLabel = ({ name, isThere, isInternal, isOwn }: NetworkStatus) => {
  const kind = isThere ? (isInternal ? "no way out" : "with a way out") : "not there";
  return `<table border="0" cellborder="0" cellpadding="1"><tr><td><font color="${isThere ? "#374151" : COLOURS.bad.line}" point-size="10">${escaped(name)}</font></td></tr><tr><td><font color="#6b7280" point-size="9">${isOwn ? "" : "somebody else's, "}${kind}</font></td></tr></table>`;
};

const MOST_LETTERS = 44;
const short = (text: string) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);

function box(mood: Mood, title: string, more: readonly string[]): string {
  const { line, fill } = COLOURS[mood];
  const rows = more
    .filter(Boolean)
    .map(
      (text) => `<tr><td align="left"><font color="#4b5563" point-size="9">${escaped(short(text))}</font></td></tr>`,
    );
  return `<table border="1" cellborder="0" cellspacing="0" cellpadding="3" color="${line}" bgcolor="${fill}" style="rounded"><tr><td align="left"><b>${escaped(short(title))}</b></td></tr>${rows.join("")}</table>`;
}

const quoted = (text: string) => `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
const node = (id: string, label: string) => `${quoted(id)} [label=<${label}>];`;
const edge = (from: string, to: string, style?: "bold" | "dashed") =>
  `${quoted(from)} -> ${quoted(to)}${style ? ` [style=${style}]` : ""};`;
