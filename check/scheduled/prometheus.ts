import { z } from "zod";
import { BadJson, parseBody } from "../../lib/json.ts";
import { GATEWAY, MONITORING, type Wrong } from "./troubles.ts";

/** An alert's name, and the server or part that it is about where it is not about all. */
export interface Named {
  readonly alert: PrometheusAlert;
  readonly server: string | undefined;
  readonly part: string | undefined;
}

interface Words {
  /** What its labels have to name. */
  readonly about: "server" | "server or part" | "all";
  /** What is told of its beginning, and of its end. */
  readonly begins: (of: string) => string;
  readonly ends: (of: string) => string;
}

const all = (begins: string, ends: string): Words => ({ about: "all", begins: () => begins, ends: () => ends });

/** The alerts that are passed on: a rule of `components/monitoring/prometheus-config.ts` each. */
const ALERTS = {
  PartAway: {
    about: "server or part",
    begins: (of) => `${of} does not answer Prometheus`,
    ends: (of) => `${of} answers Prometheus again`,
  },
  ServerAway: { about: "server", begins: (of) => `${of} is away`, ends: (of) => `${of} is back` },
  ToolsWithheld: {
    about: "server",
    begins: (of) => `tools of ${of} are withheld`,
    ends: (of) => `tools of ${of} are withheld no longer`,
  },
  LiteLlmAway: all("LiteLLM does not answer", "LiteLLM answers again"),
  LiteLlmRestarted: all("LiteLLM has ended or restarts often", "LiteLLM has not been away for a while"),
  ManyRefusals: all("many requests or calls are refused", "requests or calls are no longer refused in such numbers"),
} as const satisfies Record<string, Words>;

export type PrometheusAlert = keyof typeof ALERTS;
export const PROMETHEUS_ALERTS = Object.keys(ALERTS) as PrometheusAlert[];
/** A rule that is always true: as long as it is heard, so is whatever else Prometheus finds. */
export const WATCHDOG = "Watchdog";
/** Jobs of Prometheus that belong to no MCP server, and what people call them. */
const NAMES: Readonly<Record<string, string>> = {
  ingress: "the ingress",
  loki: "Loki",
  "log-collector": "the collector of logs",
};
export const PARTS: readonly string[] = Object.keys(NAMES);

/** What Prometheus has said of one alert. */
export interface Said extends Wrong {
  readonly isOver: boolean;
}

/** What it has said, as it is known and kept. */
export interface Heard extends Wrong {
  /** When it was said last, ISO 8601. */
  readonly at: string;
}

/** It says each minute what goes on. Longer than it takes to be made anew. */
const SILENCE_MS = 10 * 60_000;
/** The same, of all that it says. */
const SILENT_MS = 5 * 60_000;

const MOST_ALERTS = 256;
/** As Prometheus sends it: with labels and annotations, and with times that have a fraction of a second. */
const alertSchema = z.object({
  labels: z.strictObject({
    alertname: z.enum([...PROMETHEUS_ALERTS, WATCHDOG]),
    job: z.string().max(100).optional(),
    instance: z.string().max(300).optional(),
    mcp_server: z.string().max(100).optional(),
  }),
  annotations: z.object({ summary: z.string().min(1).max(1_000) }),
  startsAt: z.iso.datetime({ offset: true }),
  endsAt: z.iso.datetime({ offset: true }).optional(),
});

/** What is taken of a body, and why the rest is not; as Alertmanager does it, one alert that is wrong keeps no other from being heard. */
export interface Taken {
  readonly said: readonly Said[];
  readonly problems: readonly string[];
}

/**
 * Reads a body of Alertmanager's `POST /api/v2/alerts`.
 *
 * @param servers Those of the stack: an alert of another one is not taken.
 */
export function readAlerts(body: Buffer, servers: readonly string[], now: number): Taken {
  let alerts: unknown;
  try {
    alerts = parseBody(body);
  } catch (error) {
    if (error instanceof BadJson) return { said: [], problems: [error.message] };
    throw error;
  }
  if (!Array.isArray(alerts)) return { said: [], problems: ["the body is no list of alerts"] };
  if (alerts.length > MOST_ALERTS)
    return { said: [], problems: [`the body has ${alerts.length} alerts; at most ${MOST_ALERTS}`] };
  const said: Said[] = [];
  const problems: string[] = [];
  for (const [index, alert] of alerts.entries()) {
    const read = readAlert(alert, servers, now);
    if (typeof read === "string") problems.push(`alert ${index + 1}: ${read}`);
    else said.push(read);
  }
  return { said, problems };
}

function readAlert(alert: unknown, servers: readonly string[], now: number): Said | string {
  const { data, error } = alertSchema.safeParse(alert);
  if (error) return error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  const { alertname, job, mcp_server: server } = data.labels;
  const of = alertname === WATCHDOG ? WATCHDOG : ofLabels(alertname, server, job, servers);
  if (of === undefined) {
    const { about } = ALERTS[alertname as PrometheusAlert];
    return `labels: ${alertname} is about a ${about} of this stack, not about ${JSON.stringify(server ?? job)}`;
  }
  return {
    of,
    since: new Date(data.startsAt).toISOString(),
    problem: data.annotations.summary,
    isOver: data.endsAt !== undefined && hasEnd(data.endsAt) && Date.parse(data.endsAt) <= now,
  };
}

/** Go's zero time is no end. */
const hasEnd = (time: string) => !time.startsWith("0001-01-01");

/** What it is known by; undefined: its labels name nothing of this stack. */
function ofLabels(
  alert: PrometheusAlert,
  server: string | undefined,
  job: string | undefined,
  servers: readonly string[],
): string | undefined {
  const { about } = ALERTS[alert];
  if (about === "all") return alert;
  if (server !== undefined) return servers.includes(server) ? `${alert} ${server}` : undefined;
  return about === "server or part" && job !== undefined && PARTS.includes(job) ? `${alert} ${job}` : undefined;
}

/** Undefined: it is no alert of Prometheus. No server has such a name, and nothing else that can be wrong. */
export function named(of: string): Named | undefined {
  const [name, what] = of.split(" ");
  const alert = PROMETHEUS_ALERTS.find((one) => one === name);
  if (!alert) return undefined;
  const isPart = what !== undefined && PARTS.includes(what) && ALERTS[alert].about !== "server";
  return { alert, server: isPart ? undefined : what, part: isPart ? what : undefined };
}

export function wordsOf({ alert, server, part }: Named): { readonly begins: string; readonly ends: string } {
  const { begins, ends } = ALERTS[alert];
  const ofServer = alert === "PartAway" ? `the adapter of ${server}` : `MCP server ${server}`;
  const of = part === undefined ? ofServer : NAMES[part]!;
  return { begins: begins(of), ends: ends(of) };
}

/**
 * What something wrong is about: one who sees the same from another side says nothing new. Without its adapter a server is away, and
 * without the ingress or LiteLLM the gateway.
 */
export function subjectOf(of: string): string {
  const { alert, server, part } = named(of) ?? {};
  if (alert === "LiteLlmAway") return GATEWAY;
  if (part !== undefined) return part === "ingress" ? GATEWAY : of;
  return server !== undefined && alert !== "ToolsWithheld" ? server : of;
}

/**
 * What is known after Prometheus has said something, and what it says no more of: it was taken away, or the rule, or the server.
 *
 * @param servers Those of the stack; undefined: nobody says anything, so nothing has another end.
 */
export function afterHearing(
  before: readonly Heard[],
  said: readonly Said[],
  servers: readonly string[] | undefined,
  now: number,
): { readonly heard: readonly Heard[]; readonly gone: readonly string[] } {
  const heard = new Map(before.map((one) => [one.of, one]));
  for (const { of, since, problem, isOver } of said)
    if (isOver) heard.delete(of);
    else if (of !== WATCHDOG)
      heard.set(of, { of, since: heard.get(of)?.since ?? since, problem, at: new Date(now).toISOString() });
  const isGone = ({ of, at }: Heard) => {
    const server = named(of)?.server;
    if (!servers || (server !== undefined && !servers.includes(server))) return true;
    return Date.parse(at) + SILENCE_MS <= now;
  };
  const all = [...heard.values()];
  return { heard: all.filter((one) => !isGone(one)), gone: all.filter(isGone).map(({ of }) => of) };
}

/** When what it is silent of is over, if it stays silent; undefined: nothing goes on. */
export const silentAt = (heard: readonly Heard[]): number | undefined =>
  heard.length ? Math.min(...heard.map(({ at }) => Date.parse(at))) + SILENCE_MS : undefined;

/**
 * What it means that Prometheus says nothing: a rule of it says something each minute. It is over when that is heard, also by a
 * program that has just started.
 *
 * @param heardAt When it was heard last, or when somebody began to listen.
 */
export function afterSilence(before: Wrong | null, said: readonly Said[], heardAt: number, now: number): Wrong | null {
  if (said.some(({ of }) => of === WATCHDOG)) return null;
  if (before !== null || tooLongAt(heardAt) > now) return before;
  const problem = `Prometheus has said nothing for ${SILENT_MS / 60_000} minutes, so nobody is told of what it would find: npm run doctor`;
  return { of: MONITORING, since: new Date(heardAt).toISOString(), problem };
}

/** When it has been silent for too long, if it stays silent. */
export const tooLongAt = (heardAt: number): number => heardAt + SILENT_MS;
