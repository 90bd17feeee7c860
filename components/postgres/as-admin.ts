import pg from "pg";
import type { SslMode } from "../../settings/settings.ts";
import { sslOf } from "./ssl.ts";

const CONNECT_TIMEOUT_MS = 15_000;
/** Says which schemas are this program's, and are dropped with what is in them. */
export const MARK = "made by litellm-mcp";

export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly Record<string, unknown>[]>;

export const name = (text: string) => pg.escapeIdentifier(text);
export const literal = (text: string) => pg.escapeLiteral(text);

/** How the administrator reaches a database. */
interface Login {
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly sslmode: SslMode;
  };
  readonly password: string;
  readonly database: string;
}

/** Does something as the administrator, wholly or not at all. */
export async function withinDatabase(
  { server, password, database }: Login,
  act: (query: Query) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({
    ...{ host: server.host, port: server.port, user: server.username, password, database, ssl: sslOf(server.sslmode) },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  try {
    await client.connect();
    await client.query("BEGIN");
    await act(async (sql, values) => (await client.query(sql, values && [...values])).rows);
    await client.query("COMMIT");
  } catch (error) {
    throw new Error(`database ${database}: ${(error as Error).message}`, { cause: error });
  } finally {
    await client.end();
  }
}

/** Whether there is such a schema, and whether this program made it. */
export async function lookAt(schema: string, query: Query): Promise<"none" | "own" | "foreign"> {
  const [row] = await query(
    "SELECT obj_description(oid, 'pg_namespace') AS comment FROM pg_namespace WHERE nspname = $1",
    [schema],
  );
  if (!row) return "none";
  return row["comment"] === MARK ? "own" : "foreign";
}

export async function dropSchema(schema: string, query: Query): Promise<void> {
  if ((await lookAt(schema, query)) === "own") await query(`DROP SCHEMA ${name(schema)} CASCADE`);
}
