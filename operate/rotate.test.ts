import assert from "node:assert/strict";
import { test } from "node:test";
import { nextSteps, plan } from "./rotate.ts";

const names = [
  "client-test-key-value",
  "client-codex-value",
  "ingress-listing-value",
  "scheduled-check-value",
  "litellm-master-key",
  "litellm-salt-key",
  "databases-litellm_user-password",
  "databases-mcp_readonly-password",
  "postgres-admin-password",
  "mcp-time-token",
  "mcp-home_assistant-token",
];
const passwords = names.map((name) => ({ name, urn: `urn:${name}` }));
const urns = (...chosen: string[]) => chosen.map((name) => `urn:${name}`);
const stack = "lan";

test("a client's key alone", () => {
  const { admin, services, keys, clients } = plan({ stack, client: ["codex"] }, passwords);
  assert.deepEqual(
    { admin, services, keys, clients },
    { admin: undefined, services: [], keys: urns("client-codex-value"), clients: ["codex"] },
  );
});

test("the master key alone", () => {
  const { admin, services, keys, clients } = plan({ stack, master: true }, passwords);
  assert.deepEqual(
    { admin, services, keys, clients },
    { admin: undefined, services: urns("litellm-master-key"), keys: [], clients: [] },
  );
});

test("the passwords of the databases, the administrator's apart; that of an existing Postgres is not ours", () => {
  const databases = urns("databases-litellm_user-password", "databases-mcp_readonly-password");
  const { admin, services } = plan({ stack, databases: true }, passwords);
  assert.deepEqual({ admin, services }, { admin: "urn:postgres-admin-password", services: databases });
  const existing = plan(
    { stack, databases: true },
    passwords.filter(({ name }) => name !== "postgres-admin-password"),
  );
  assert.deepEqual({ admin: existing.admin, services: existing.services }, { admin: undefined, services: databases });
});

test("the password of Redis is one of the databases'", () => {
  const withRedis = [...passwords, { name: "redis-password", urn: "urn:redis-password" }];
  const { services, summary } = plan({ stack, databases: true }, withRedis);
  assert.ok(services.includes("urn:redis-password"));
  assert.match(summary.join("\n"), /password of Redis/);
  assert.ok(!plan({ stack, servers: true }, withRedis).services.includes("urn:redis-password"));
});

test("the password of Grafana alone, where there is one", () => {
  const withGrafana = [...passwords, { name: "grafana-admin-password", urn: "urn:grafana-admin-password" }];
  const { admin, services, keys, summary } = plan({ stack, grafana: true }, withGrafana);
  assert.deepEqual({ admin, services, keys }, { admin: undefined, services: ["urn:grafana-admin-password"], keys: [] });
  assert.match(summary.join("\n"), /^password of Grafana's user admin/);
  assert.ok(plan({ stack, all: true }, withGrafana).services.includes("urn:grafana-admin-password"));
  assert.throws(() => plan({ stack, grafana: true }, passwords), /^Error: --grafana: stack \w+ has no Grafana$/);
});

test("the tokens of the MCP servers' adapters alone", () => {
  const { admin, services, keys, clients } = plan({ stack, servers: true }, passwords);
  assert.deepEqual(
    { admin, services, keys, clients },
    { admin: undefined, services: urns("mcp-time-token", "mcp-home_assistant-token"), keys: [], clients: [] },
  );
});

test("all is everything but the salt key, each once, keys after the master key", () => {
  const { admin, services, keys, clients, summary } = plan(
    { stack, all: true, master: true, client: ["codex"] },
    passwords,
  );
  assert.deepEqual(
    [admin, ...services, ...keys].sort(),
    urns(...names)
      .filter((urn) => urn !== "urn:litellm-salt-key")
      .sort(),
  );
  assert.ok(services.includes("urn:litellm-master-key"));
  assert.deepEqual(clients, ["test-key", "codex"]);
  assert.equal(summary.length, 7);
});

for (const [what, options, message] of [
  ["nothing chosen", {}, /^nothing chosen: --client NAME, --master, --databases, --servers, --grafana or --all$/],
  ["an unknown client", { client: ["codex", "phone"] }, /^--client phone: stack lan has the clients test-key, codex$/],
] as const) {
  test(`an error says what can be chosen: ${what}`, () => {
    assert.throws(() => plan({ stack, ...options }, passwords), { message });
  });
}

test("a stack that is not deployed has nothing to replace", () => {
  assert.throws(() => plan({ stack, all: true }, []), {
    message: "stack lan is not deployed: npm run up -- --stack lan",
  });
});

test("what comes next names every client that has to be told, with its command", () => {
  assert.match(
    nextSteps("lan", ["codex", "phone"], []),
    /tell whoever uses them: codex, phone\n[^]*npm run clients -- --stack lan --client codex\n +npm run clients -- --stack lan --client phone$/,
  );
  assert.match(nextSteps("local", ["codex"], []), /npm run clients -- --client codex$/);
  assert.match(
    nextSteps("local", ["codex"], [{ file: "/home/me/.codex/config.toml" }]),
    /have the new key now:\n {2}\/home\/me\/\.codex\/config\.toml\n/,
  );
  assert.match(nextSteps("local", [], []), /nobody has to be told/);
});
