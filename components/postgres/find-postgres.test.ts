import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkMember } from "../docker/network-members.ts";
import { findPostgres } from "./find-postgres.ts";

const member = (name: string, more: Partial<NetworkMember> = {}): NetworkMember => ({
  name,
  names: [name],
  state: "running",
  address: "172.18.0.2",
  labels: {},
  ...more,
});

test("a container is found by its name, and by an alias", () => {
  const pg = member("data-postgres-1", { names: ["data-postgres-1", "postgres", "0123456789ab"] });
  for (const host of ["data-postgres-1", "postgres"])
    assert.deepEqual(findPostgres(host, "net", [member("shop"), pg]), { container: pg });
  const old = member("old", { names: ["old", "postgres"], state: "exited" });
  assert.deepEqual(findPostgres("postgres", "net", [old, pg]), { container: pg }, "one that does not run has no name");
});

for (const [what, members, problem] of [
  [
    "nobody has the name",
    [member("shop"), member("data-1", { names: ["data-1", "db", "0123456789ab"] })],
    "litellm-mcp:postgres.host: no container on network net has the name or alias postgres; there are: data-1, or db; shop. Write one of these",
  ],
  [
    "nobody is there",
    [],
    "litellm-mcp:postgres.host: no container on network net has the name or alias postgres; there is none at all. Put Postgres on it: docker network connect net NAME",
  ],
  [
    "it does not run",
    [member("postgres", { state: "exited", address: "" })],
    "litellm-mcp:postgres.host: container postgres does not run (exited). Start it: docker start postgres",
  ],
  [
    "two have the name",
    [member("a", { names: ["a", "postgres"] }), member("b", { names: ["b", "postgres"] })],
    "litellm-mcp:postgres.host: on network net, postgres leads to a and b in turn. Write the name of one of them",
  ],
] as const)
  test(`${what}: what to write`, () => assert.deepEqual(findPostgres("postgres", "net", members), { problem }));
