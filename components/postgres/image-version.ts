import type Docker from "dockerode";
import { known } from "../docker/gone.ts";

/** Images that have Postgres's programs, by their names. The version is in the tag, or, where that is none, in a variable. */
const POSTGRES_IMAGE =
  /(?:^|\/)(?:postgres|pgvector|postgis|timescaledb(?:-ha)?):(?:(?:latest-)?pg-?)?(\d+(?=[.-]|$))?/;

/** Whether an image is called as one that has Postgres's programs. */
export const hasPostgres = (name: string): boolean => POSTGRES_IMAGE.test(name);

/**
 * The major version of Postgres in an image.
 *
 * @param name As settings and tags have it, without a digest.
 * @returns Undefined where neither the image on the daemon nor its name says it.
 */
export async function postgresVersionOf(docker: Docker, name: string, id = name): Promise<number | undefined> {
  // One that is not there is pulled later.
  const found = await known(docker.getImage(id).inspect());
  const variable = found?.Config.Env?.find((one) => one.startsWith("PG_MAJOR="))?.slice("PG_MAJOR=".length);
  const version = Number(variable ?? POSTGRES_IMAGE.exec(name)?.[1]);
  return Number.isNaN(version) ? undefined : version;
}
