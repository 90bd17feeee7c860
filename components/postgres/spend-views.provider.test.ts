import assert from "node:assert/strict";
import { test } from "node:test";
import type { Query } from "./as-admin.ts";
import { SPEND_VIEWS } from "./spend-views.ts";
import { makeViews, removeViews } from "./spend-views.provider.ts";

const wanted = {
  ...{ database: "litellm_db", schema: "litellm_mcp_spend", role: "spend_reader", owner: "litellm_user" },
  ...{ views: SPEND_VIEWS, closed: ["postgres", "mcp_db"], ownRoles: ["litellm_user", "spend_reader"] },
};

/** What is said to a database whose schema has this comment. The statements are tried in the end-to-end tests. */
async function said(comment: string | null | undefined, act: (query: Query) => Promise<void>, others: string[] = []) {
  const statements: string[] = [];
  await act(async (sql, values = []) => {
    if (sql.startsWith("SELECT obj_description")) return comment === undefined ? [] : [{ comment }];
    if (sql.startsWith("SELECT datname")) return (values[0] as string[]).map((datname) => ({ datname }));
    if (sql.startsWith("SELECT rolname")) return others.map((rolname) => ({ rolname }));
    statements.push(sql.replace(/\s+/g, " "));
    return [];
  });
  return statements;
}

test("a view reads a function, and the function LiteLLM's tables with the rights of LiteLLM's role", async () => {
  const statements = await said(undefined, (query) => makeViews(wanted, query));
  for (const view of ["by_hour", "budgets"]) {
    const both = `"litellm_mcp_spend"."${view}"`;
    for (const statement of [
      `CREATE VIEW ${both} AS SELECT * FROM ${both}()`,
      `ALTER FUNCTION ${both}() OWNER TO "litellm_user"`,
      `REVOKE ALL ON FUNCTION ${both}() FROM PUBLIC`,
      `GRANT SELECT ON ${both} TO "spend_reader"`,
    ])
      assert.ok(statements.includes(statement), statement);
  }
  // Whoever has it reads the views; nothing is said of any table.
  assert.ok(!statements.some((sql) => /GRANT .*(?:LiteLLM_|ALL TABLES)/.test(sql)));
});

test("other databases are closed to the login, and stay open to whoever could connect", async () => {
  const statements = await said(undefined, (query) => makeViews(wanted, query), ["shop", "his own"]);
  for (const statement of [
    'REVOKE ALL ON DATABASE "litellm_db" FROM PUBLIC',
    'GRANT CONNECT ON DATABASE "litellm_db" TO "spend_reader"',
    'GRANT CONNECT ON DATABASE "mcp_db" TO "shop", "his own"',
    'REVOKE CONNECT ON DATABASE "mcp_db" FROM PUBLIC',
  ])
    assert.ok(statements.includes(statement), statement);
});

test("it leaves what was there before, and a schema of somebody else's as it is", async () => {
  assert.deepEqual(await said("made by litellm-mcp", (query) => removeViews(wanted, query)), [
    'DROP SCHEMA "litellm_mcp_spend" CASCADE',
    'REVOKE ALL ON DATABASE "litellm_db" FROM "spend_reader"',
    'GRANT CONNECT, TEMPORARY ON DATABASE "litellm_db" TO PUBLIC',
    'GRANT CONNECT ON DATABASE "postgres" TO PUBLIC',
    'GRANT CONNECT ON DATABASE "mcp_db" TO PUBLIC',
  ]);
  await assert.rejects(
    said(null, (query) => makeViews(wanted, query)),
    /there is a schema litellm_mcp_spend already, which this program did not make\. Rename it/,
  );
  assert.ok(!(await said(null, (query) => removeViews(wanted, query))).some((sql) => sql.startsWith("DROP SCHEMA")));
});
