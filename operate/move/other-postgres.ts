import { dataOf, POSTGRES, VOLUME_TYPE } from "../../components/resource-names.ts";
import type { PostgresSettings } from "../../settings/settings.ts";
import type { PostgresLogin } from "../backup/held.ts";
import { stackArguments } from "../command.ts";
import { settingsOfStack } from "../config/stack-settings.ts";
import type { Pulumi } from "../deployed-stack.ts";
import type { Plan } from "../preview/plan.ts";

/** Whether a Postgres of the stack's own comes or goes; only then are its databases to be on another server. */
const concernsOwnPostgres = ({ changes }: Pick<Plan, "changes">): boolean =>
  changes.some(({ urn }) => urn.endsWith(`${VOLUME_TYPE}::${dataOf(POSTGRES)}`));

/**
 * Where the databases come to be, for people; undefined while they stay. Another address of a Postgres that existed before may
 * be the same server's: nothing there is deleted, and where it is not, LiteLLM says that it has no database.
 */
function otherServer(now: PostgresLogin, wanted: PostgresSettings): string | undefined {
  if (wanted.kind === "dedicated") return now.kind === "own" ? undefined : "a Postgres of the stack's own";
  return now.kind === "own" ? `${wanted.host}:${wanted.port}` : undefined;
}

/**
 * Pulumi would take databases and users that it has made for being on the new server as well, so that LiteLLM finds none; and
 * a Postgres of the stack's own would go, with all that is in it.
 *
 * @param settings Of the stack's file.
 * @throws Error with the way there, where the databases are to be on another server.
 */
export async function refuseOtherPostgres(
  pulumi: Pick<Pulumi, "stack" | "held">,
  plan: Pick<Plan, "changes">,
  settings = () => settingsOfStack(pulumi.stack).settings.postgres,
): Promise<void> {
  if (!concernsOwnPostgres(plan)) return;
  const held = await pulumi.held();
  const server = held && otherServer(held.postgres, settings());
  if (server === undefined) return;
  const options = stackArguments(pulumi.stack);
  throw new Error(
    `\nNot deployed: the settings put the databases on ${server}, and what is in them would not come along. Nothing was changed. The way there, with all that is stored, and with the keys of today:
  npm run backup${options}
  npm run down${options}
  npm run restore${options || " --"} FILE   (the one that npm run backup has named; it deploys the settings of today)`,
  );
}
