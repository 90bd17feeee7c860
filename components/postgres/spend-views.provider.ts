import { dropSchema, literal, lookAt, MARK, name, type Query, withinDatabase } from "./as-admin.ts";
import type { SpendViewsInputs } from "./spend-views.ts";

type Wanted = Omit<SpendViewsInputs, "server" | "password">;

/**
 * Makes the views, and closes the rest to whoever reads them.
 *
 * Postgres refuses to change a column that a view reads, and LiteLLM's next migration would fail there. It does not look into the
 * text of a function. So each view reads a function, and the function LiteLLM's tables, with the rights of LiteLLM's own role: with
 * the administrator's, whoever has LiteLLM's role could put something of theirs in the place of a table and have it run as
 * administrator.
 */
export async function makeViews(wanted: Wanted, query: Query): Promise<void> {
  const { schema, role, owner, views, database, closed } = wanted;
  if ((await lookAt(schema, query)) === "foreign")
    throw new Error(`there is a schema ${schema} already, which this program did not make. Rename it`);
  await dropSchema(schema, query);
  await query(`CREATE SCHEMA ${name(schema)}`);
  await query(`COMMENT ON SCHEMA ${name(schema)} IS ${literal(MARK)}`);
  // A LiteLLM whose tables are others is a dashboard without figures, and not an `up` that fails.
  await query("SET LOCAL check_function_bodies = off");
  for (const view of views) {
    const both = `${name(schema)}.${name(view.name)}`;
    await query(
      `CREATE FUNCTION ${both}() RETURNS TABLE (${view.columns.join(", ")})
       LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $function$
       ${view.query}
       $function$`,
    );
    await query(`REVOKE ALL ON FUNCTION ${both}() FROM PUBLIC`);
    await query(`GRANT EXECUTE ON FUNCTION ${both}() TO ${name(role)}`);
    await query(`ALTER FUNCTION ${both}() OWNER TO ${name(owner)}`);
    await query(`CREATE VIEW ${both} AS SELECT * FROM ${both}()`);
    await query(`GRANT SELECT ON ${both} TO ${name(role)}`);
  }
  await query(`GRANT USAGE ON SCHEMA ${name(schema)} TO ${name(role)}`);
  await query(`ALTER ROLE ${name(role)} SET default_transaction_read_only = on`);
  await query(`REVOKE ALL ON DATABASE ${name(database)} FROM PUBLIC`);
  await query(`GRANT CONNECT ON DATABASE ${name(database)} TO ${name(role)}`);
  const others = await othersWhoLogIn(wanted, query);
  for (const one of await existing(closed, query)) {
    if (others.length) await query(`GRANT CONNECT ON DATABASE ${name(one)} TO ${others.map(name).join(", ")}`);
    await query(`REVOKE CONNECT ON DATABASE ${name(one)} FROM PUBLIC`);
  }
}

/** Leaves what was there before. */
export async function removeViews({ schema, role, database, closed }: Wanted, query: Query): Promise<void> {
  await dropSchema(schema, query);
  await query(`REVOKE ALL ON DATABASE ${name(database)} FROM ${name(role)}`);
  await query(`GRANT CONNECT, TEMPORARY ON DATABASE ${name(database)} TO PUBLIC`);
  for (const one of await existing(closed, query)) await query(`GRANT CONNECT ON DATABASE ${name(one)} TO PUBLIC`);
}

const existing = async (databases: readonly string[], query: Query) =>
  (await query("SELECT datname FROM pg_database WHERE datname = ANY($1)", [databases])).map(({ datname }) =>
    String(datname),
  );

/** Somebody else's roles, which could connect until now. */
const othersWhoLogIn = async ({ ownRoles }: Wanted, query: Query) =>
  (
    await query("SELECT rolname FROM pg_roles WHERE rolcanlogin AND NOT rolsuper AND rolname <> ALL($1)", [ownRoles])
  ).map(({ rolname }) => String(rolname));

export async function create(inputs: SpendViewsInputs) {
  await withinDatabase(inputs, (query) => makeViews(inputs, query));
  return { id: inputs.database, outs: inputs };
}

export async function update(_id: string, olds: SpendViewsInputs, news: SpendViewsInputs) {
  // With the login of today: the former password is no longer the server's after a rotation.
  await withinDatabase(news, async (query) => {
    await removeViews(olds, query);
    await makeViews(news, query);
  });
  return { outs: news };
}

async function remove(_id: string, inputs: SpendViewsInputs) {
  await withinDatabase(inputs, (query) => removeViews(inputs, query));
}
export { remove as delete };
