import { LITELLM_DATABASE, LITELLM_ROLE, SPEND_ROLE } from "../components/postgres/databases.ts";
import type { ExistingPostgres } from "../settings/settings.ts";

/** Asks one database of the server. */
export type Query = (
  database: string,
  sql: string,
  values?: readonly unknown[],
) => Promise<readonly Record<string, unknown>[]>;

/** What stands in the way of the stack's databases and roles, and what works but shows less than the user may think. */
export interface Contents {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

const SETTING = "litellm-mcp:postgres";

/**
 * Looks at what is on an existing server, as its administrator.
 *
 * @param isDeployed Whether something of this stack is on the host: databases and roles that have its names are its own
 * then.
 * @param hasSpend Whether it makes a login for figures of spend.
 */
export async function postgresContents(
  { adminUser, readOnly }: Pick<ExistingPostgres, "adminUser" | "readOnly">,
  isDeployed: boolean,
  hasSpend: boolean,
  query: Query,
): Promise<Contents> {
  const names = async (sql: string) => (await query("postgres", sql)).map(({ name }) => String(name));
  const [admin] = await query("postgres", "SELECT rolsuper FROM pg_roles WHERE rolname = current_user");
  if (admin?.["rolsuper"] !== true)
    return {
      problems: [
        `${SETTING}.adminUser: ${adminUser} is no superuser of this server. Write one that is, such as postgres`,
      ],
      warnings: [],
    };
  const databases = await names("SELECT datname AS name FROM pg_database WHERE NOT datistemplate ORDER BY 1");
  const roles = await names("SELECT rolname AS name FROM pg_roles");

  const problems = await missingExtensions(readOnly, query);
  const { database, create, role } = readOnly;
  const found = databases.includes(database);
  if (!create && !found)
    problems.push(
      `${SETTING}.readOnly.database: there is no database ${database} on this server; there are ${databases.join(", ")}. ` +
        "Write one of these, or readOnly.create: true",
    );
  if (!isDeployed) {
    if (create && found)
      problems.push(
        `${SETTING}.readOnly.database: there is a database ${database} already. To read it as it is, write ` +
          "readOnly.create: false; otherwise write another name",
      );
    if (databases.includes(LITELLM_DATABASE))
      problems.push(
        `there is a database ${LITELLM_DATABASE} already, and LiteLLM needs one of its own: its migration may drop tables ` +
          `of others. Rename it, ALTER DATABASE ${LITELLM_DATABASE} RENAME TO another_name, or drop it`,
      );
    for (const taken of [LITELLM_ROLE, role, ...(hasSpend ? [SPEND_ROLE] : [])].filter((one) => roles.includes(one)))
      problems.push(
        `there is a role ${taken} already, which this program did not make. Remove it: in each database that it has ` +
          `something in, DROP OWNED BY ${taken}, then DROP ROLE ${taken}` +
          (taken === role ? `; or write another name at ${SETTING}.readOnly.role` : ""),
      );
  }
  if (create || !found) return { problems, warnings: [] };
  const inside = await readable(readOnly, adminUser, query);
  return { problems: [...problems, ...inside.problems], warnings: inside.warnings };
}

/** Extensions that are wanted, and that the server cannot make or would make to no use. */
async function missingExtensions({ extensions }: ExistingPostgres["readOnly"], query: Query): Promise<string[]> {
  if (!extensions.length) return [];
  const available = await query("postgres", "SELECT name FROM pg_available_extensions");
  const [server] = await query(
    "postgres",
    `SELECT current_setting('shared_preload_libraries') AS loaded, current_setting('server_version_num')::int / 10000 AS major`,
  );
  const setting = `${SETTING}.readOnly.extensions`;
  const problems = extensions
    .filter((extension) => !available.some(({ name }) => name === extension))
    .map(
      (extension) =>
        `${setting}: this server has no extension ${extension}. Install it where the server runs (in an image of Debian: apt-get ` +
        `install postgresql-${extension === "hypopg" ? `${String(server?.["major"])}-hypopg` : "contrib"}), or leave it out`,
    );
  const loaded = String(server?.["loaded"])
    .split(",")
    .map((library) => library.trim())
    .filter(Boolean);
  if (extensions.includes("pg_stat_statements") && !loaded.includes("pg_stat_statements"))
    problems.push(
      `${setting}: this server does not load pg_stat_statements, which then counts nothing. ALTER SYSTEM SET ` +
        `shared_preload_libraries = ${[...loaded, "pg_stat_statements"].join(", ")}; then start it again; or leave it out`,
    );
  return problems;
}

/** What a database that was there before has for the read-only role. */
async function readable(
  { database, schemas, owners }: ExistingPostgres["readOnly"],
  adminUser: string,
  query: Query,
): Promise<Contents> {
  const rows = await query(
    database,
    `SELECT n.nspname AS schema, pg_get_userbyid(c.relowner) AS owner, count(c.oid)::int AS tables
     FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
     WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'
     GROUP BY 1, 2 ORDER BY 1, 2`,
  );
  const found = rows.map(({ schema, owner, tables }) => ({
    schema: String(schema),
    owner: String(owner),
    tables: Number(tables),
  }));
  const all = [...new Set(found.map(({ schema }) => schema))];
  const missing = schemas.filter((schema) => !all.includes(schema));
  if (missing.length)
    return {
      problems: [
        `${SETTING}.readOnly.schemas: database ${database} has no schema ${missing.join(", ")}; there are ${all.join(", ") || "none"}. Write some of these`,
      ],
      warnings: [],
    };
  const withTables = found.filter(({ tables }) => tables > 0);
  const empty = schemas.filter((schema) => !withTables.some((one) => one.schema === schema));
  const others = [...new Set(withTables.map(({ schema }) => schema))].filter((schema) => !schemas.includes(schema));
  const strange = [
    ...new Set(withTables.filter(({ schema }) => schemas.includes(schema)).map(({ owner }) => owner)),
  ].filter((owner) => owner !== adminUser && !owners.includes(owner));
  return {
    problems: [],
    warnings: [
      ...(empty.length
        ? [
            `Database ${database} has no tables in ${empty.join(", ")}` +
              (others.length ? `, but in ${others.join(", ")}: ${SETTING}.readOnly.schemas says which are read.` : "."),
          ]
        : []),
      ...(strange.length
        ? [
            `Tables of database ${database} belong to ${strange.join(", ")}. Those that are there are read; those that come ` +
              `later are read if ${SETTING}.readOnly.owners has ${strange.length > 1 ? "these roles" : "this role"}.`,
          ]
        : []),
    ],
  };
}
