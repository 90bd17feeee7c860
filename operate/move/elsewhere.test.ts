import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { STACK_LABEL } from "../../components/stack-identity.ts";
import type { PostgresSettings } from "../../settings/settings.ts";
import type { Held, PostgresLogin } from "../backup/held.ts";
import type { OnRecord } from "../recovery/on-record.ts";
import { refuseElsewhere } from "./elsewhere.ts";

const HERE = { host: "unix:///nowhere/docker.sock", sshOpts: [] };
const own: PostgresLogin = { kind: "own", container: "up-postgres", user: "postgres" };
const existing: PostgresLogin = {
  ...{ kind: "existing", host: "nas.lan", port: 5432, user: "admin", password: "secret", sslmode: "require" },
};
const wanted =
  (postgres: Partial<PostgresSettings>, docker = HERE) =>
  () => ({
    docker,
    postgres: postgres as PostgresSettings,
  });
const nas = wanted({ kind: "existing", host: "nas.lan", port: 5432 });
const dedicated = wanted({ kind: "dedicated", port: 6432 });

const recordOf = (stackId: string) => () =>
  Promise.resolve<OnRecord>({
    ...{ stackId, endpoint: HERE, deployed: [], images: [], databases: [], known: new Set(), pending: [] },
  });
const holding = (stack: string, postgres: PostgresLogin | undefined) => ({
  stack,
  held: () => Promise.resolve(postgres && ({ postgres } as Held)),
  onRecord: recordOf("one"),
});
const planned = (action: "create" | "delete" | "update", resource: string) => ({
  changes: [{ ...{ action, what: "it", fields: [], follows: false }, urn: `urn:pulumi:s::p::${resource}` }],
});
const VOLUME = "litellm:postgres:PostgresServer$docker:index/volume:Volume::postgres-data";
const PROVIDER = "pulumi:providers:docker::docker";

let folder: string;
/** As a daemon answers which has one volume of the stack `one`. */
const daemon = createServer((request, response) => {
  const volumes = [{ Name: "data", Labels: { [STACK_LABEL]: "litellm-mcp/lan/one" } }];
  response.end(JSON.stringify(request.url?.startsWith("/volumes") ? { Volumes: volumes } : []));
});
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "elsewhere-"));
  await new Promise<void>((resolve) => daemon.listen(path.join(folder, "docker.sock"), resolve));
});
after(async () => {
  daemon.close();
  await rm(folder, { recursive: true });
});
const otherSocket = () => ({ host: `unix://${folder}/docker.sock`, sshOpts: [] });

test("databases are not left behind for another Postgres: refused with the way there", async () => {
  await assert.rejects(
    refuseElsewhere(holding("lan", own), planned("delete", VOLUME), nas),
    /^Error: \nNot deployed: the settings put its databases on nas\.lan:5432, .* Nothing was changed\. .*: npm run move -- --stack lan$/,
  );
  await assert.rejects(
    refuseElsewhere(holding("local", existing), planned("create", VOLUME), dedicated),
    /put its databases on a Postgres of the stack's own, .*: npm run move$/,
  );
});

test("a stack is not left behind for another host; another address of its own host is none", async () => {
  const plan = planned("update", PROVIDER);
  const other = wanted({ kind: "dedicated" }, otherSocket());
  await refuseElsewhere(holding("lan", own), plan, other);
  const ofAnother = { ...holding("lan", own), onRecord: recordOf("two") };
  await assert.rejects(refuseElsewhere(ofAnother, plan, other), /put the stack on unix:\/\/.*docker\.sock, and/);
});

test("a first deployment, and a volume that somebody has removed, are no move", async () => {
  const plan = planned("create", VOLUME);
  await refuseElsewhere(holding("lan", undefined), plan, dedicated);
  await refuseElsewhere(holding("lan", own), plan, dedicated);
});

test("nobody looks at the state for a change in which neither Postgres nor host can be another", async () => {
  const unasked = () => Promise.reject(new Error("the state was asked"));
  const unseen = { stack: "lan", held: unasked, onRecord: unasked };
  for (const plan of [
    planned("create", "docker:index/volume:Volume::mcp-memory-data"),
    planned("create", PROVIDER),
    { changes: [] },
  ])
    await refuseElsewhere(unseen, plan, dedicated);
});
