import { own } from "../../lib/own.ts";
import { named, wordsOf } from "./prometheus.ts";
import { BACKUP, type Change, DISK, FORBIDDEN, GATEWAY, MONITORING } from "./troubles.ts";

/** What is posted: the form of Alertmanager's webhook (version 4), and a title and a message for those who read no more. */
export interface AlertPost {
  readonly version: "4";
  readonly status: "firing" | "resolved";
  readonly receiver: "litellm-mcp";
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly externalURL: string;
  readonly alerts: readonly {
    readonly status: "firing" | "resolved";
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
    readonly endsAt: string;
  }[];
  readonly title: string;
  readonly message: string;
}

/** As Alertmanager has it of an alert that goes on. */
const NO_END = "0001-01-01T00:00:00Z";

/** Where the stack is, for whoever reads an alert. */
export interface Where {
  readonly stack: string;
  /** The gateway's, as people know it. */
  readonly url: string;
}

export function alertOf(changes: readonly Change[], { stack, url }: Where): AlertPost {
  const alerts = changes.map((change) => ({
    status: change.until === null ? ("firing" as const) : ("resolved" as const),
    labels: labelsOf(change.of, stack),
    annotations: { summary: summaryOf(change), description: change.problem },
    startsAt: change.since,
    endsAt: change.until ?? NO_END,
  }));
  return posted(
    { stack, url },
    {
      alerts,
      title: `${alerts.map(({ annotations }) => annotations.summary).join(", ")} (${stack})`,
      message: [
        ...alerts.map(({ status, annotations }) =>
          status === "firing" ? annotations.description : annotations.summary,
        ),
        ...(alerts.some(({ status }) => status === "firing")
          ? [`What it means and what to do: npm run doctor -- --stack ${stack}`]
          : []),
      ].join("\n"),
    },
  );
}

/** Sent once to each new address: an address that does not work is found by `up`, not on the day when it is needed. */
export function greetingOf(now: string, { stack, url }: Where): AlertPost {
  const message = `Alerts of the gateway ${url} arrive here.`;
  const annotations = { summary: message, description: message };
  return posted(
    { stack, url },
    {
      alerts: [
        {
          ...{ status: "resolved", labels: { alertname: "AlertsArrive", stack }, annotations },
          ...{ startsAt: now, endsAt: now },
        },
      ],
      ...{ title: `Alerts arrive (${stack})`, message },
    },
  );
}

const posted = (
  { stack, url }: Where,
  { alerts, title, message }: Pick<AlertPost, "alerts" | "title" | "message">,
): AlertPost => ({
  version: "4",
  status: alerts.some(({ status }) => status === "firing") ? "firing" : "resolved",
  receiver: "litellm-mcp",
  groupLabels: { stack },
  commonLabels: { stack },
  commonAnnotations: {},
  externalURL: url,
  ...{ alerts, title, message },
});

/** What an alert of something that is no server is called, and how its beginning and its end are said. */
const KINDS: Readonly<Record<string, { readonly name: string; readonly begins: string; readonly ends: string }>> = {
  [GATEWAY]: { name: "GatewayFails", begins: "the gateway does not answer", ends: "the gateway answers again" },
  [FORBIDDEN]: {
    name: "ForbiddenIsPossible",
    begins: "something is possible that must fail",
    ends: "what must fail fails again",
  },
  [DISK]: {
    name: "DiskNearlyFull",
    begins: "the disk of the gateway's host is nearly full",
    ends: "the disk of the gateway's host has room again",
  },
  [BACKUP]: { name: "BackupFails", begins: "the backup of each day is not right", ends: "the backup is right again" },
  [MONITORING]: { name: "PrometheusSilent", begins: "Prometheus says nothing", ends: "Prometheus is heard again" },
};

interface Kind {
  readonly name: string;
  readonly server?: string | undefined;
  readonly part?: string | undefined;
  readonly begins: string;
  readonly ends: string;
}

function kindOf(of: string): Kind {
  const ofPrometheus = named(of);
  if (ofPrometheus) return { ...ofPrometheus, ...wordsOf(ofPrometheus), name: ofPrometheus.alert };
  const server = {
    name: "McpServerFails",
    server: of,
    begins: `MCP server ${of} fails`,
    ends: `MCP server ${of} works again`,
  };
  return own(KINDS, of) ?? server;
}

function labelsOf(of: string, stack: string): Record<string, string> {
  const { name, server, part } = kindOf(of);
  return { alertname: name, stack, ...(server !== undefined && { server }), ...(part !== undefined && { part }) };
}

function summaryOf({ of, until, isGone }: Change): string {
  const { server, begins, ends } = kindOf(of);
  if (isGone && named(of)) return `Prometheus says no more of this: ${begins}`;
  if (isGone) return `${server === undefined ? "" : "MCP server "}${of} is no longer looked at`;
  return until === null ? begins : ends;
}
