import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredResource } from "../stored-state.ts";
import { readHeld } from "./held.ts";

const docker = { host: "unix:///var/run/docker.sock", sshOpts: [] };
const secret = (value: unknown) => ({ plaintext: JSON.stringify(value) });

const resource = (type: string, name: string, inputs: Record<string, unknown>, more: object = {}): StoredResource => ({
  ...{ urn: `urn:pulumi:lan::litellm-mcp::${type}::${name}`, type, id: name, inputs },
  ...more,
});
const container = (name: string, envs: readonly string[], volumes: readonly object[] = []) =>
  resource("docker:index/container:Container", `${name}-container`, {
    ...{ name: `up-${name}`, image: `sha256:${name}`, envs: secret(envs), volumes },
  });
const volume = (name: string, retainOnDelete: boolean) =>
  resource("docker:index/volume:Volume", name, { name: `up-${name}` }, { retainOnDelete });
const database = (name: string) => resource("postgresql:index/database:Database", `databases-${name}`, { name });

const existing = [
  resource("random:index/randomUuid:RandomUuid", "stack-id", {}),
  resource("pulumi:providers:postgresql", "databases-provider", {
    ...{ host: "127.0.0.1", port: "15432", username: "admin", password: secret("of the administrator") },
    sslmode: "require",
  }),
  resource("docker:index/remoteImage:RemoteImage", "litellm-image", { name: "litellm:1" }),
  container("litellm", ["DATABASE_URL=postgresql://litellm_user:secret@data-1:5433/litellm_db"]),
  container("mcp-postgres", ["DATABASE_URI=postgresql://reader:secret@data-1:5433/shop"]),
  container("mcp-postgres-adapter", ["ADAPTER_TOKEN=secret"]),
  container("mcp-memory", ["A=postgres"], [{ volumeName: "up-mcp-memory-data", containerPath: "/data" }]),
  volume("mcp-memory-data", true),
  volume("ingress-state", false),
];

test("of an existing Postgres: what the stack has made, and the way that LiteLLM has to it", () => {
  assert.deepEqual(readHeld([...existing, database("litellm_db")], docker), {
    docker,
    stackId: "stack-id",
    litellm: { container: "up-litellm", image: "litellm:1", imageId: "sha256:litellm" },
    postgres: {
      ...{ kind: "existing", host: "data-1", port: 5433, user: "admin", password: "of the administrator" },
      sslmode: "require",
    },
    databases: ["litellm_db"],
    volumes: [{ name: "mcp-memory-data", container: "up-mcp-memory", path: "/data" }],
    readers: ["up-mcp-postgres", "up-mcp-postgres-adapter"],
  });
});

test("of the stack's own Postgres: all databases, in its container", () => {
  const held = readHeld(
    [
      ...existing,
      container("postgres", []),
      database("mcp_db"),
      database("litellm_db"),
      volume("postgres-data", false),
    ],
    docker,
  );
  assert.deepEqual(held?.databases, ["litellm_db", "mcp_db"]);
  assert.deepEqual(held.postgres, { kind: "own", container: "up-postgres", user: "postgres" });
  assert.equal(held.volumes.length, 1);
});

test("the container that makes a backup each day uses what it reads of nobody, and its backups are none of it", () => {
  const volumes = [
    { volumeName: "up-backups", containerPath: "/backups" },
    { volumeName: "up-mcp-memory-data", containerPath: "/volumes/mcp-memory-data", readOnly: true },
  ];
  const nightly = [container("backup", ["PGHOST=postgres"], volumes), volume("backups", true)];
  const [without, held] = [[], nightly].map((more) => readHeld([...existing, database("litellm_db"), ...more], docker));
  assert.deepEqual(held, without);
});

test("nothing is held while there is no database", () => {
  assert.equal(readHeld(existing, docker), undefined);
  assert.equal(readHeld([], docker), undefined);
});
