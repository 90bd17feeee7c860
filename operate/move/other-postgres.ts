import type { PostgresSettings } from "../../settings/settings.ts";
import type { PostgresLogin } from "../backup/held.ts";
import { stackArguments } from "../command.ts";

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
 * @throws Error with the way there, where the databases are to be on another server.
 */
export function refuseOtherPostgres(stack: string, now: PostgresLogin, wanted: PostgresSettings): void {
  const server = otherServer(now, wanted);
  if (server === undefined) return;
  const options = stackArguments(stack);
  throw new Error(
    `\nNot deployed: the settings put the databases on ${server}, and what is in them would not come along. Nothing was changed. The way there, with all that is stored, and with the keys of today:
  npm run backup${options}
  npm run down${options}
  npm run restore${options || " --"} FILE   (the one that npm run backup has named; it deploys the settings of today)`,
  );
}
