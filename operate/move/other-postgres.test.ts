import assert from "node:assert/strict";
import { test } from "node:test";
import type { PostgresSettings } from "../../settings/settings.ts";
import type { Held, PostgresLogin } from "../backup/held.ts";
import { refuseOtherPostgres } from "./other-postgres.ts";

const own: PostgresLogin = { kind: "own", container: "up-postgres", user: "postgres" };
const existing: PostgresLogin = {
  ...{ kind: "existing", host: "nas.lan", port: 5432, user: "admin", password: "secret", sslmode: "require" },
};
const wanted = (postgres: Partial<PostgresSettings>) => () => postgres as PostgresSettings;
const nas = wanted({ kind: "existing", host: "nas.lan", port: 5432 });
const dedicated = wanted({ kind: "dedicated", port: 6432 });

const holding = (stack: string, postgres: PostgresLogin | undefined) => ({
  stack,
  held: () => Promise.resolve(postgres && ({ postgres } as Held)),
});
const planned = (action: "create" | "delete", resource: string) => ({
  changes: [
    {
      ...{ action, what: "volume", fields: [], follows: false },
      urn: `urn:pulumi:s::p::litellm:postgres:PostgresServer$docker:index/volume:Volume::${resource}`,
    },
  ],
});

test("databases are not moved between the stack's own Postgres and another: refused with the way there", async () => {
  await assert.rejects(
    refuseOtherPostgres(holding("lan", own), planned("delete", "postgres-data"), nas),
    /on nas\.lan:5432, .*\n +npm run backup -- --stack lan\n +npm run down -- --stack lan\n +npm run restore -- --stack lan FILE/,
  );
  await assert.rejects(
    refuseOtherPostgres(holding("local", existing), planned("create", "postgres-data"), dedicated),
    /on a Postgres of the stack's own, /,
  );
});

test("a first deployment, and a volume that somebody has removed, are no move", async () => {
  const plan = planned("create", "postgres-data");
  await refuseOtherPostgres(holding("lan", undefined), plan, dedicated);
  await refuseOtherPostgres(holding("lan", own), plan, dedicated);
});

test("nobody looks at the state for a change in which no Postgres comes or goes", async () => {
  const unseen = { stack: "lan", held: () => Promise.reject(new Error("the state was asked")) };
  await refuseOtherPostgres(unseen, planned("create", "mcp-memory-data"), dedicated);
  await refuseOtherPostgres(unseen, { changes: [] }, nas);
});
