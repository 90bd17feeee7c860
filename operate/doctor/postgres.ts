import type Docker from "dockerode";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import type { Finding } from "./finding.ts";

/** What the stack's own Postgres says of itself. */
export interface PostgresFacts {
  readonly databases: readonly string[];
  /** Connections of everybody but the administrator can be so many. */
  readonly most: number;
  readonly used: number;
  /** Who has how many, the most first. */
  readonly by: string;
}

const QUESTION = `SELECT json_build_object(
  'databases', (SELECT json_agg(datname) FROM pg_database),
  'most', current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
  'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
  'by', (SELECT coalesce(string_agg(who, ', '), '') FROM (
    SELECT usename || ' ' || count(*) AS who FROM pg_stat_activity
    WHERE backend_type = 'client backend' GROUP BY usename ORDER BY count(*) DESC) AS each))`;

/** Asks as the administrator, for whom Postgres keeps connections. */
export async function askPostgres(docker: Docker, container: string): Promise<PostgresFacts | Error> {
  const asked = runInContainer(docker, container, ["psql", "-U", POSTGRES_ADMIN, "-Atc", QUESTION]);
  const { exitCode, stdout, stderr } = await asked.catch((error: Error) => ({
    ...{ exitCode: 1, stdout: "", stderr: error.message },
  }));
  return exitCode === 0 ? (JSON.parse(stdout) as PostgresFacts) : new Error(stderr.trim());
}

export function judgePostgres(
  container: string,
  asked: PostgresFacts | Error,
  /** Databases that the stack has by its state. */
  expected: readonly string[],
  up: string,
): Finding[] {
  const full = {
    means: "LiteLLM, and whoever else wants a new one, is refused",
    fix: `who has them and from where: docker exec ${container} psql -U ${POSTGRES_ADMIN} -c "select usename, client_addr, count(*) from pg_stat_activity group by 1, 2"; end that program, or docker restart ${container}`,
  };
  if (asked instanceof Error)
    return [
      /too many clients|remaining connection slots/.test(asked.message)
        ? { seen: `${container} takes no more connections: ${asked.message}`, ...full }
        : {
            seen: `${container} does not answer its administrator: ${asked.message}`,
            means: "it is starting, recovers after it was ended, or its data is damaged",
            fix: `its log: docker logs --tail 50 ${container}`,
          },
    ];
  const { databases, most, used, by } = asked;
  return [
    ...(used >= most ? [{ seen: `${container} has ${used} of ${most} connections in use (${by})`, ...full }] : []),
    ...expected
      .filter((name) => !databases.includes(name))
      .map((name) => ({
        seen: `database ${name} is not in ${container} any more`,
        means: "whatever was in it is gone: clients' keys, spend and the record of it, where it is LiteLLM's",
        fix: `npm run restore -- FILE brings it back from a backup; without one, ${up} --refresh makes it again, empty`,
      })),
  ];
}
