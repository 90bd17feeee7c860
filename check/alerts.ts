import { type Change, FORBIDDEN, GATEWAY } from "./troubles.ts";

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
  const alerts = changes.map(({ of, since, problem, until, isGone }) => ({
    status: until === null ? ("firing" as const) : ("resolved" as const),
    labels: { alertname: nameOf(of), stack, ...(isServer(of) && { server: of }) },
    annotations: {
      summary: isGone ? `${titleOf(of)} is no longer looked at` : summaryOf(of, until),
      description: problem,
    },
    startsAt: since,
    endsAt: until ?? NO_END,
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

const isServer = (of: string) => of !== GATEWAY && of !== FORBIDDEN;

const nameOf = (of: string) =>
  of === GATEWAY ? "GatewayFails" : of === FORBIDDEN ? "ForbiddenIsPossible" : "McpServerFails";

const titleOf = (server: string) => `MCP server ${server}`;

function summaryOf(of: string, until: string | null): string {
  const goesOn = until === null;
  if (of === GATEWAY) return goesOn ? "the gateway does not answer" : "the gateway answers again";
  if (of === FORBIDDEN) return goesOn ? "something is possible that must fail" : "what must fail fails again";
  return `${titleOf(of)} ${goesOn ? "fails" : "works again"}`;
}
