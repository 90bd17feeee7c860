import { connectDocker } from "../../components/docker/docker-connection.ts";
import { dataOf, POSTGRES, VOLUME_TYPE } from "../../components/resource-names.ts";
import type { PostgresSettings, Settings } from "../../settings/settings.ts";
import type { PostgresLogin } from "../backup/held.ts";
import { stackArguments } from "../command.ts";
import { settingsOfStack } from "../config/stack-settings.ts";
import type { Pulumi } from "../deployed-stack.ts";
import type { Plan } from "../preview/plan.ts";
import { ofStack } from "../recovery/on-daemon.ts";
import type { OnRecord } from "../recovery/on-record.ts";

type Located = Pick<Settings, "docker" | "postgres">;

/**
 * Where the databases come to be, for people; undefined while they stay. Another address of a Postgres that existed before may
 * be the same server's: nothing there is deleted, and where it is not, LiteLLM says that it has no database.
 */
function otherServer(now: PostgresLogin, wanted: PostgresSettings): string | undefined {
  if (wanted.kind === "dedicated") return now.kind === "own" ? undefined : "a Postgres of the stack's own";
  return now.kind === "own" ? `${wanted.host}:${wanted.port}` : undefined;
}

/** Whether the settings name another host, and not another address of the one on which the stack is. */
async function isOtherHost({ stackId, endpoint }: OnRecord, { docker }: Located): Promise<boolean> {
  if (stackId === undefined || endpoint === undefined || endpoint.host === docker.host) return false;
  return !(await ofStack(connectDocker(docker), stackId)).length;
}

/** What of a stack its settings put elsewhere than it is deployed. */
export interface Elsewhere {
  readonly isOtherHost: boolean;
  /** For people: `the stack on ssh://…`, or its databases, or both. */
  readonly places: string;
}

/** @returns Undefined where all of it stays. */
export async function elsewhere(
  pulumi: Pick<Pulumi, "onRecord" | "held">,
  settings: Located,
): Promise<Elsewhere | undefined> {
  const held = await pulumi.held();
  if (!held) return undefined;
  const isOther = await isOtherHost(await pulumi.onRecord(), settings);
  const server = otherServer(held.postgres, settings.postgres);
  const places = [
    ...(isOther ? [`the stack on ${settings.docker.host}`] : []),
    ...(server === undefined ? [] : [`its databases on ${server}`]),
  ];
  return places.length ? { isOtherHost: isOther, places: places.join(" and ") } : undefined;
}

/** Whether a Postgres of the stack's own comes or goes, or another host is spoken to. */
const mayBeElsewhere = ({ changes }: Pick<Plan, "changes">): boolean =>
  changes.some(
    ({ urn, action }) =>
      urn.endsWith(`${VOLUME_TYPE}::${dataOf(POSTGRES)}`) ||
      (urn.includes("::pulumi:providers:docker::") && action !== "create"),
  );

/**
 * Pulumi would take what it has made for being at the new place as well: LiteLLM finds no database there, or the host has no
 * container of all that are said to run. A Postgres of the stack's own would go, with all that is in it.
 *
 * @param settings Of the stack's file.
 * @throws Error with the way there, where the stack or its databases are to be elsewhere.
 */
export async function refuseElsewhere(
  pulumi: Pick<Pulumi, "stack" | "onRecord" | "held">,
  plan: Pick<Plan, "changes">,
  settings: () => Located = () => settingsOfStack(pulumi.stack).settings,
): Promise<void> {
  const found = mayBeElsewhere(plan) ? await elsewhere(pulumi, settings()) : undefined;
  if (!found) return;
  throw new Error(
    `\nNot deployed: the settings put ${found.places}, and what is stored would not come along. Nothing was changed. To move it, with ` +
      `all that is stored and the keys of today: npm run move${stackArguments(pulumi.stack)}`,
  );
}
