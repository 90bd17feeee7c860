import assert from "node:assert/strict";
import { test } from "node:test";
import type Docker from "dockerode";
import { testSettings } from "../tests/settings.ts";
import { backupProblem } from "./backup-version.ts";

/** A daemon that has images with these variables. */
const daemon = (images: Record<string, string[]> = {}) =>
  ({
    getImage: (name: string) => ({
      inspect: () =>
        images[name]
          ? Promise.resolve({ Config: { Env: images[name] } })
          : Promise.reject(Object.assign(new Error("no such image"), { statusCode: 404 })),
    }),
  }) as unknown as Docker;

const EXISTING = { kind: "existing", host: "10.0.0.9" };
const problem = (config: Record<string, unknown>, server: number | undefined, docker = daemon()) =>
  backupProblem(docker, testSettings(config, ["postgresAdminPassword"]), server);

for (const [what, config, server, docker] of [
  ["no backup", { postgres: EXISTING }, 18, daemon()],
  ["the default image and an older server", { postgres: EXISTING, backup: {} }, 16, daemon()],
  ["the default image and a server as old", { postgres: EXISTING, backup: {} }, 17, daemon()],
  ["a newer image", { postgres: EXISTING, backup: { image: "pgvector/pgvector:pg18" } }, 18, daemon()],
  ["an image that does not say what it has", { postgres: EXISTING, backup: { image: "house/tools:3" } }, 18, daemon()],
  [
    "a server that could not be asked, which is another problem",
    { postgres: EXISTING, backup: {} },
    undefined,
    daemon(),
  ],
  [
    "an image whose variable says it",
    { postgres: EXISTING, backup: { image: "house/postgres:3" } },
    18,
    daemon({ "house/postgres:3": ["PATH=/bin", "PG_MAJOR=18"] }),
  ],
  [
    "the stack's own server",
    { postgres: { kind: "dedicated", image: "postgres:18.0-trixie" }, backup: {} },
    undefined,
    daemon(),
  ],
] as const)
  test(`nothing is in the way of a backup with ${what}`, async () =>
    assert.equal(await problem(config, server, docker), undefined));

test("an image that is older than the server is refused, with what to write", async () => {
  assert.equal(
    await problem({ postgres: EXISTING, backup: {} }, 18),
    "litellm-mcp:backup.image: postgres:17.6-trixie has the programs of Postgres 17, and the server is 18: pg_dump refuses servers that are newer " +
      "than itself. Write an image of 18 or later, such as postgres:18-trixie",
  );
  const own = {
    postgres: { kind: "dedicated", image: "postgres:18.0-trixie" },
    backup: { image: "postgres:17.6-trixie" },
  };
  assert.match(
    (await problem(own, undefined)) ?? "",
    /^litellm-mcp:backup\.image: .* Postgres 17, and the server is 18/,
  );
});
