import type { PostgresExtension } from "../../settings/settings.ts";
import { dropSchema, literal, lookAt, MARK, name, type Query, withinDatabase } from "./as-admin.ts";
import type { ReadOnlyExtensionsInputs } from "./read-only-extensions.ts";

/** Nobody but the administrator may look into it: the extension's own view shows every database of the server. */
const STATISTICS_SCHEMA = "litellm_mcp_statistics";

type Wanted = Pick<ReadOnlyExtensionsInputs, "role" | "extensions">;

/**
 * Makes extensions for a role that reads one database, in schemas of this program's own. An extension that is there
 * already is used where it is.
 *
 * A role of its own rights sees the texts of its own queries alone, and the tools break at the others. With
 * `pg_read_all_stats` it would see what every role runs in every database, passwords in statements included. So it
 * gets a view of the same name that shows this database's queries, without their values, and no other statements.
 * The view is in a schema of the role's name, which is first where Postgres looks for a name.
 */
export async function makeExtensions({ role, extensions }: Wanted, query: Query): Promise<void> {
  await makeSchema(role, query);
  await query(`GRANT USAGE ON SCHEMA ${name(role)} TO ${name(role)}`);
  if (extensions.includes("pg_stat_statements")) await makeStatistics(role, query);
  else {
    await query(`DROP VIEW IF EXISTS ${name(role)}.pg_stat_statements`);
    await query(`DROP FUNCTION IF EXISTS ${name(role)}.statements()`);
    await dropSchema(STATISTICS_SCHEMA, query);
  }
  if (extensions.includes("hypopg")) await query(`CREATE EXTENSION IF NOT EXISTS hypopg WITH SCHEMA ${name(role)}`);
  else if ((await schemaOf("hypopg", query)) === role) await query("DROP EXTENSION hypopg");
  // Its lists of indexes are not for everybody by themselves.
  await query(`GRANT SELECT ON ALL TABLES IN SCHEMA ${name(role)} TO ${name(role)}`);
}

async function makeStatistics(role: string, query: Query): Promise<void> {
  if ((await schemaOf("pg_stat_statements", query)) === undefined) {
    await makeSchema(STATISTICS_SCHEMA, query);
    await query(`CREATE EXTENSION pg_stat_statements WITH SCHEMA ${STATISTICS_SCHEMA}`);
  }
  const all = `${name((await schemaOf("pg_stat_statements", query))!)}.pg_stat_statements`;
  const own = `${name(role)}.statements()`;
  // What is written as SELECT and the like has $1 in the place of each value; other statements are kept as they were
  // written.
  await query(
    `CREATE OR REPLACE FUNCTION ${own} RETURNS SETOF ${all}
     LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
       SELECT * FROM ${all}
       WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
         AND query ~* '^\\s*(/\\*.*?\\*/\\s*)*(select|with|insert|update|delete|merge|values)\\M'
     $function$`,
  );
  await query(`REVOKE ALL ON FUNCTION ${own} FROM PUBLIC`);
  await query(`GRANT EXECUTE ON FUNCTION ${own} TO ${name(role)}`);
  const columns = await query(
    "SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 ORDER BY attnum",
    [all],
  );
  await query(
    `CREATE OR REPLACE VIEW ${name(role)}.pg_stat_statements AS
     SELECT ${columns.map((column) => dividable(String(column["name"]))).join(", ")} FROM ${own}`,
  );
}

/** The server divides these by their sums, which are 0 where everything was in memory or nothing was written. */
const DIVIDED = ["shared_blks_hit", "shared_blks_read", "shared_blks_dirtied", "wal_bytes"];
const dividable = (column: string) =>
  DIVIDED.includes(column) ? `CASE WHEN sum(${column}) OVER () > 0 THEN ${column} END AS ${column}` : name(column);

/** Leaves what was there before. */
export async function removeExtensions({ role }: Pick<Wanted, "role">, query: Query): Promise<void> {
  await dropSchema(role, query);
  await dropSchema(STATISTICS_SCHEMA, query);
}

async function schemaOf(extension: PostgresExtension, query: Query): Promise<string | undefined> {
  const [row] = await query(
    "SELECT nspname AS schema FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = $1",
    [extension],
  );
  return row && String(row["schema"]);
}

async function makeSchema(schema: string, query: Query): Promise<void> {
  const found = await lookAt(schema, query);
  if (found === "own") return;
  if (found === "foreign")
    throw new Error(
      `there is a schema ${schema} already, which this program did not make. Rename it, or write another name at ` +
        "litellm-mcp:postgres.readOnly.role",
    );
  await query(`CREATE SCHEMA ${name(schema)}`);
  await query(`COMMENT ON SCHEMA ${name(schema)} IS ${literal(MARK)}`);
}

export async function create(inputs: ReadOnlyExtensionsInputs) {
  await withinDatabase(inputs, (query) => makeExtensions(inputs, query));
  return { id: inputs.database, outs: inputs };
}

export async function update(_id: string, olds: ReadOnlyExtensionsInputs, news: ReadOnlyExtensionsInputs) {
  if (olds.database !== news.database || olds.role !== news.role)
    // With the login of today: the former password is no longer the server's after a rotation.
    await withinDatabase({ ...news, database: olds.database }, (query) => removeExtensions(olds, query));
  await withinDatabase(news, (query) => makeExtensions(news, query));
  return { outs: news };
}

async function remove(_id: string, inputs: ReadOnlyExtensionsInputs) {
  await withinDatabase(inputs, (query) => removeExtensions(inputs, query));
}
export { remove as delete };
