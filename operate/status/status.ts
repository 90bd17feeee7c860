import type { ToolRule } from "../../ingress/rights.ts";
import type { Recent } from "../audit/figures.ts";

/** What a stack has, and how it is. What `npm run status -- --json` prints, together with its problems. */
export interface Status {
  readonly stack: string;
  readonly gateway: { readonly url: string; readonly isUp: boolean; readonly said: string };
  /** Whether an `up` has come to its end. */
  readonly isChecked: boolean;
  readonly containers: readonly ContainerStatus[];
  readonly servers: readonly ServerStatus[];
  readonly clients: readonly ClientStatus[];
  /** Why the record of calls cannot be read; empty where it can, and while the ingress, through which it is, does not run. */
  readonly auditProblem: string;
  readonly networks: readonly NetworkStatus[];
  readonly volumes: readonly string[];
  /** Where Postgres is, and its databases where they can be asked for. */
  readonly databases: {
    readonly where: string;
    readonly databases: readonly DatabaseStatus[];
    readonly problem: string;
  };
  /** Null: none is made each day. */
  readonly backup: BackupStatus | null;
  /** What looks at the gateway between two `up`s; null: nothing does. */
  readonly scheduledCheck: ScheduledCheckStatus | null;
  /** Names of what the program made up and of what the owner has set. */
  readonly secrets: readonly string[];
  readonly docker: { readonly host: string; readonly version: string };
}

export interface ContainerStatus {
  readonly name: string;
  /** What it is of the stack, whatever its name: `ingress`, `mcp-time`, `mcp-postgres-adapter`. */
  readonly part: string;
  /** Docker's own word (`exited`, `paused`), of one that runs its health (`healthy`), or `missing`. */
  readonly state: string;
  /** ISO 8601; when it was started, or when it ended. */
  readonly since: string;
  readonly image: string;
  /** Null of one that does not run. */
  readonly memory: { readonly bytes: number; readonly limit: number } | null;
  /** Times that Docker started it again by itself. */
  readonly restarts: number;
  readonly networks: readonly string[];
  /** `address:port` of the host. */
  readonly ports: readonly string[];
  /** What its healthcheck said last, or why Docker could not start it. */
  readonly said: string;
}

export interface ServerStatus {
  readonly name: string;
  /** `up` and `down` are its adapter's words; anything else says why it cannot be asked. */
  readonly state: string;
  /** Tools that clients are shown; null where nobody can be asked. */
  readonly tools: number | null;
  /** Tools in the tool lock that was deployed; null: nobody has approved any. */
  readonly approved: number | null;
  /** Tools that it lists and that are not as approved. */
  readonly withheld: number;
  /** Times that its adapter started it again, or connected to it again. */
  readonly restarts: number;
  /** By the record of calls; null where that cannot be read. */
  readonly calls: Recent | null;
}

export interface ClientStatus {
  readonly name: string;
  /** The servers that it may use, and its rules for their tools. */
  readonly rules: Readonly<Record<string, ToolRule>>;
  /** By the record of calls; null where that cannot be read. */
  readonly calls: Recent | null;
  /** By LiteLLM's database; null where that cannot be asked. */
  readonly spend: Spend | null;
}

/** In US dollars, as LiteLLM counts them. */
export interface Spend {
  readonly spent: number;
  /** Null: without a limit. */
  readonly budget: number | null;
  readonly left: number | null;
  /** When a budget for each day, week or month begins anew. */
  readonly renewed: string | null;
}

export interface NetworkStatus {
  readonly name: string;
  readonly isThere: boolean;
  readonly isInternal: boolean;
  /** Made by this stack; false: somebody else's, which it has joined. */
  readonly isOwn: boolean;
  readonly members: readonly string[];
}

export interface DatabaseStatus {
  readonly name: string;
  readonly bytes: number;
}

/** The backups that the host makes each day. */
export interface BackupStatus {
  readonly container: string;
  /** The newest that is good; null where there is none, or nobody can be asked. */
  readonly newest: { readonly name: string; /** ISO 8601. */ readonly made: string; readonly bytes: number } | null;
  /** How many are good. */
  readonly kept: number | null;
  /** Where they are, in the container. */
  readonly folder: string;
  /** ISO 8601; when the next one is made. */
  readonly next: string;
  /** What is wrong, with what to do about it. */
  readonly problems: readonly string[];
}

export interface ScheduledCheckStatus {
  readonly container: string;
  /** Its last run that tried everything; null before the first, or where nobody can be asked. */
  readonly last: {
    /** ISO 8601. */ readonly at: string;
    readonly seconds: number;
    readonly tried: readonly string[];
  } | null;
  /** ISO 8601; empty where `last` is null. */
  readonly next: string;
  /** What two runs have found wrong, with what to do about it. */
  readonly problems: readonly string[];
}

/** Begins the state of a server whose adapter did not answer. */
export const NO_ANSWER = "no answer: ";

/** What is not as it should be, a sentence each, with what to do about it. */
export function problemsOf(status: Status): string[] {
  const up = `npm run up -- --stack ${status.stack}`;
  const { backup, scheduledCheck } = status;
  // They say the same in their healthchecks.
  const saidBelow = [backup, scheduledCheck].flatMap((one) => (one?.problems.length ? [one.container] : []));
  const stopped = new Set(
    status.containers.flatMap(({ part, state }) =>
      ["healthy", "running", "unhealthy", "starting"].includes(state) ? [] : [part.replace(/^mcp-|-adapter$/g, "")],
    ),
  );
  return [
    ...(status.isChecked ? [] : [`no up of this stack has come to its end, the gateway check: ${up}`]),
    ...(status.gateway.isUp
      ? []
      : [`the gateway at ${status.gateway.url} does not answer as it should: ${status.gateway.said}`]),
    ...status.containers
      .filter(({ name, state }) => !(state === "unhealthy" && saidBelow.includes(name)))
      .flatMap((container) => problemOfContainer(container, up)),
    ...status.servers
      // One in a container that does not run cannot be asked, and that is said above.
      .filter(({ name, state }) => !(state.startsWith(NO_ANSWER) && stopped.has(name)))
      .flatMap((server) => problemsOfServer(server, status.stack)),
    ...status.networks.filter(({ isThere }) => !isThere).map(({ name }) => `network ${name} is not there: ${up}`),
    ...(status.auditProblem ? [`the record of calls cannot be read: ${status.auditProblem}`] : []),
    ...(status.databases.problem ? [`Postgres does not tell what it has: ${status.databases.problem}`] : []),
    ...(backup?.problems ?? []),
    ...(scheduledCheck?.problems ?? []),
  ];
}

function problemOfContainer({ name, state, since, said }: ContainerStatus, up: string): string[] {
  switch (state) {
    // One without a healthcheck says no more than that it runs.
    case "healthy":
    case "running":
      return [];
    case "missing":
      return [`container ${name} is not there: ${up}`];
    case "starting":
      return [`container ${name} has not been healthy yet since it started at ${since}; look again in a minute`];
    case "unhealthy":
      return [`container ${name} is unhealthy${said ? `: ${said}` : ""}. Its log: docker logs ${name}`];
    case "paused":
      return [`container ${name} is paused: docker unpause ${name}`];
    default:
      return [
        `container ${name} does not run (${state}, since ${since}${said ? `: ${said}` : ""}): docker logs ${name}, then docker start ${name}`,
      ];
  }
}

function problemsOfServer({ name, state, tools, approved, withheld }: ServerStatus, stack: string): string[] {
  const diff = `npm run tools -- diff ${name} --stack ${stack}`;
  if (state === "without an adapter") return [];
  if (state !== "up") return [`server ${name} is ${state === "down" ? "down" : `not known: ${state}`}`];
  if (withheld) return [`server ${name} lists ${withheld} tools that are not as approved, and withholds them: ${diff}`];
  if (approved !== null && tools !== approved) return [`server ${name} shows ${tools} tools of ${approved}: ${diff}`];
  return [];
}
