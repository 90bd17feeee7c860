import assert from "node:assert/strict";
import { test } from "node:test";
import { testSettings } from "../tests/settings.ts";
import { postgresContents, type Query } from "./postgres-contents.ts";

interface Server {
  readonly superuser?: boolean;
  readonly databases?: readonly string[];
  readonly roles?: readonly string[];
  /** Of the database that is read: schema, owner of its tables, how many. */
  readonly tables?: readonly (readonly [string, string, number])[];
  readonly extensions?: readonly string[];
  readonly loaded?: string;
}

/** Answers as a server would. The statements themselves are tried in the end-to-end tests. */
const answering =
  ({ superuser = true, databases = [], roles = [], tables = [], extensions = [], loaded = "" }: Server): Query =>
  async (database, sql) => {
    if (/rolsuper/.test(sql)) return [{ rolsuper: superuser }];
    if (/pg_available_extensions/.test(sql)) return extensions.map((name) => ({ name }));
    if (/shared_preload_libraries/.test(sql)) return [{ loaded, major: 17 }];
    if (/pg_database/.test(sql)) return ["postgres", ...databases].map((name) => ({ name }));
    if (/FROM pg_roles/.test(sql)) return ["postgres", ...roles].map((name) => ({ name }));
    assert.equal(database, "shop");
    return tables.map(([schema, owner, count]) => ({ schema, owner, tables: count }));
  };

const look = (server: Server, readOnly: Record<string, unknown> = {}, isDeployed = false, hasSpend = false) => {
  const { postgres } = testSettings({ postgres: { kind: "existing", host: "10.0.0.9", readOnly } }, [
    "postgresAdminPassword",
  ]);
  assert.ok(postgres.kind === "existing");
  return postgresContents(postgres, isDeployed, hasSpend, answering(server));
};
const THERE = { database: "shop", create: false };

for (const [what, server, readOnly, problems] of [
  ["an empty server", {}, {}, []],
  [
    "no superuser",
    { superuser: false, databases: ["litellm_db"] },
    {},
    ["litellm-mcp:postgres.adminUser: postgres is no superuser of this server. Write one that is, such as postgres"],
  ],
  [
    "leftovers of an earlier attempt",
    { databases: ["litellm_db", "mcp_db"], roles: ["litellm_user", "mcp_readonly"] },
    {},
    [
      "litellm-mcp:postgres.readOnly.database: there is a database mcp_db already. To read it as it is, write readOnly.create: false; otherwise write another name",
      "there is a database litellm_db already, and LiteLLM needs one of its own: its migration may drop tables of others. Rename it, ALTER DATABASE litellm_db RENAME TO another_name, or drop it",
      "there is a role litellm_user already, which this program did not make. Remove it: in each database that it has something in, DROP OWNED BY litellm_user, then DROP ROLE litellm_user",
      "there is a role mcp_readonly already, which this program did not make. Remove it: in each database that it has something in, DROP OWNED BY mcp_readonly, then DROP ROLE mcp_readonly; or write another name at litellm-mcp:postgres.readOnly.role",
    ],
  ],
  [
    "a database that is not there",
    { databases: ["shop2"] },
    THERE,
    [
      "litellm-mcp:postgres.readOnly.database: there is no database shop on this server; there are postgres, shop2. Write one of these, or readOnly.create: true",
    ],
  ],
  [
    "a schema that is not there",
    { databases: ["shop"], tables: [["public", "postgres", 1]] },
    { ...THERE, schemas: ["public", "sales"] },
    ["litellm-mcp:postgres.readOnly.schemas: database shop has no schema sales; there are public. Write some of these"],
  ],
  [
    "extensions that are installed and loaded",
    { extensions: ["hypopg", "pg_stat_statements"], loaded: "auto_explain, pg_stat_statements" },
    { extensions: ["pg_stat_statements", "hypopg"] },
    [],
  ],
  [
    "extensions that are not",
    { extensions: ["pg_stat_statements"], loaded: "auto_explain" },
    { extensions: ["pg_stat_statements", "hypopg"] },
    [
      "litellm-mcp:postgres.readOnly.extensions: this server has no extension hypopg. Install it where the server runs (in an image of Debian: apt-get install postgresql-17-hypopg), or leave it out",
      "litellm-mcp:postgres.readOnly.extensions: this server does not load pg_stat_statements, which then counts nothing. ALTER SYSTEM SET shared_preload_libraries = auto_explain, pg_stat_statements; then start it again; or leave it out",
    ],
  ],
] as const)
  test(`${what}: ${problems.length ? "refused" : "nothing to say"}`, async () =>
    assert.deepEqual(await look(server, readOnly), { problems, warnings: [] }));

test("what has the stack's names after a first deployment is the stack's", async () => {
  const server = { databases: ["litellm_db", "mcp_db"], roles: ["litellm_user", "mcp_readonly"] };
  assert.deepEqual(await look(server, {}, true), { problems: [], warnings: [] });
});

test("tables that the role would not see are said", async () => {
  const server = {
    databases: ["shop"],
    tables: [
      ["public", "", 0],
      ["sales", "postgres", 2],
      ["sales", "shop_owner", 3],
      ["stock", "postgres", 1],
    ],
  } as const;
  assert.deepEqual(await look(server, { ...THERE, schemas: ["public", "sales"] }), {
    problems: [],
    warnings: [
      "Database shop has no tables in public, but in stock: litellm-mcp:postgres.readOnly.schemas says which are read.",
      "Tables of database shop belong to shop_owner. Those that are there are read; those that come later are read if litellm-mcp:postgres.readOnly.owners has this role.",
    ],
  });
  const all = { ...THERE, schemas: ["sales", "stock"], owners: ["shop_owner"] };
  assert.deepEqual(await look(server, all), { problems: [], warnings: [] });
});

test("a role of the name of the login for figures of spend is in the way of a stack that makes one", async () => {
  const server = { databases: ["shop"], roles: ["spend_reader"] };
  assert.deepEqual((await look(server)).problems, []);
  assert.match((await look(server, {}, false, true)).problems.join(), /^there is a role spend_reader already/);
  assert.deepEqual((await look(server, {}, true, true)).problems, []);
});
