import type Docker from "dockerode";
import { postgresVersionOf } from "../components/postgres/image-version.ts";
import type { Settings } from "../settings/settings.ts";

/**
 * Why the backup of each night could not be made: `pg_dump` refuses a server that is newer than itself, and would say so only
 * when all the rest is deployed.
 *
 * @param server Major version of an existing one; undefined where it is not known.
 */
export async function backupProblem(
  docker: Docker,
  { backup, postgres }: Pick<Settings, "backup" | "postgres">,
  server: number | undefined,
): Promise<string | undefined> {
  if (!backup) return undefined;
  const wanted = postgres.kind === "existing" ? server : await postgresVersionOf(docker, postgres.image);
  const has = await postgresVersionOf(docker, backup.image);
  if (wanted === undefined || has === undefined || has >= wanted) return undefined;
  return (
    `litellm-mcp:backup.image: ${backup.image} has the programs of Postgres ${has}, and the server is ${wanted}: pg_dump refuses servers that are ` +
    `newer than itself. Write an image of ${wanted} or later, such as postgres:${wanted}-trixie`
  );
}
