import assert from "node:assert/strict";
import { test } from "node:test";
import type { PostgresSettings } from "../../settings/settings.ts";
import type { PostgresLogin } from "../backup/held.ts";
import { refuseOtherPostgres } from "./other-postgres.ts";

const own: PostgresLogin = { kind: "own", container: "up-postgres", user: "postgres" };
const existing: PostgresLogin = {
  ...{ kind: "existing", host: "nas.lan", port: 5432, user: "admin", password: "secret", sslmode: "require" },
};
const wanted = (postgres: Partial<PostgresSettings>) => postgres as PostgresSettings;
const nas = wanted({ kind: "existing", host: "nas.lan", port: 5432 });
const dedicated = wanted({ kind: "dedicated", port: 6432 });

test("databases are not moved between the stack's own Postgres and another: refused with the way there", () => {
  assert.throws(
    () => refuseOtherPostgres("lan", own, nas),
    /on nas\.lan:5432, .*\n +npm run backup -- --stack lan\n +npm run down -- --stack lan\n +npm run restore -- --stack lan FILE/,
  );
  assert.throws(() => refuseOtherPostgres("local", existing, dedicated), /on a Postgres of the stack's own, /);
});

test("another port of the host, and another address of a Postgres that existed before, are no move", () => {
  refuseOtherPostgres("lan", own, dedicated);
  refuseOtherPostgres("lan", existing, nas);
  refuseOtherPostgres("lan", existing, wanted({ kind: "existing", host: "192.168.1.20", port: 5433 }));
});
