import assert from "node:assert/strict";
import { test } from "node:test";
import type { Query } from "./as-admin.ts";
import { makeExtensions, removeExtensions } from "./read-only-extensions.provider.ts";

interface Database {
  /** Schema → its comment. */
  readonly schemas?: Readonly<Record<string, string | null>>;
  /** Extension → its schema. */
  readonly extensions?: Readonly<Record<string, string>>;
}

const OWN = "made by litellm-mcp";

/** What is said to a database that answers as this one would. The statements are tried in the end-to-end tests. */
async function said({ schemas = {}, extensions = {} }: Database, act: (query: Query) => Promise<void>) {
  const statements: string[] = [];
  const now = { ...extensions };
  await act(async (sql, values = []) => {
    const [value] = values as string[];
    if (sql.startsWith("SELECT obj_description"))
      return Object.hasOwn(schemas, value!) ? [{ comment: schemas[value!] }] : [];
    if (sql.startsWith("SELECT nspname")) return Object.hasOwn(now, value!) ? [{ schema: now[value!] }] : [];
    if (sql.startsWith("SELECT attname")) return [{ name: "query" }, { name: "wal_bytes" }];
    const made = /^CREATE EXTENSION (\w+) WITH SCHEMA (\w+)/.exec(sql);
    if (made) now[made[1]!] = made[2]!;
    statements.push(sql.replace(/\s+/g, " "));
    return [];
  });
  return statements;
}

const both = { role: "reader", extensions: ["pg_stat_statements", "hypopg"] } as const;

test("the extensions are made in schemas of this program's own, and the role sees its database's queries alone", async () => {
  const statements = await said({}, (query) => makeExtensions(both, query));
  const text = statements.join("\n");
  for (const part of [
    'CREATE SCHEMA "reader"',
    `COMMENT ON SCHEMA "reader" IS '${OWN}'`,
    "CREATE EXTENSION pg_stat_statements WITH SCHEMA litellm_mcp_statistics",
    'CREATE EXTENSION IF NOT EXISTS hypopg WITH SCHEMA "reader"',
    "WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())",
    'REVOKE ALL ON FUNCTION "reader".statements() FROM PUBLIC',
    'SELECT "query", CASE WHEN sum(wal_bytes) OVER () > 0 THEN wal_bytes END AS wal_bytes FROM "reader".statements()',
  ])
    assert.ok(text.includes(part), part);
  assert.doesNotMatch(text, /pg_read_all_stats|GRANT .* ON SCHEMA .*litellm_mcp_statistics/);
});

test("an extension that is there is used where it is", async () => {
  const statements = await said({ extensions: { pg_stat_statements: "public" } }, (query) =>
    makeExtensions(both, query),
  );
  assert.ok(!statements.some((sql) => sql.startsWith("CREATE EXTENSION pg_stat_statements")));
  assert.ok(statements.some((sql) => sql.includes('RETURNS SETOF "public".pg_stat_statements')));
});

test("what is no longer wanted goes, but not an extension of somebody else's", async () => {
  const schemas = { reader: OWN, litellm_mcp_statistics: OWN };
  const none = { role: "reader", extensions: [] };
  const own = await said({ schemas, extensions: { hypopg: "reader" } }, (query) => makeExtensions(none, query));
  assert.ok(own.includes("DROP EXTENSION hypopg") && own.includes('DROP SCHEMA "litellm_mcp_statistics" CASCADE'));
  const his = await said({ schemas, extensions: { hypopg: "public" } }, (query) => makeExtensions(none, query));
  assert.ok(!his.includes("DROP EXTENSION hypopg"));
});

test("a schema that somebody else made is neither used nor dropped", async () => {
  const schemas = { reader: null };
  await assert.rejects(
    said({ schemas }, (query) => makeExtensions(both, query)),
    /there is a schema reader already, which this program did not make\. .*readOnly\.role/,
  );
  assert.deepEqual(await said({ schemas }, (query) => removeExtensions(both, query)), []);
  assert.deepEqual(await said({ schemas: { reader: OWN } }, (query) => removeExtensions(both, query)), [
    'DROP SCHEMA "reader" CASCADE',
  ]);
});
