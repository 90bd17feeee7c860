import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, test } from "node:test";
import pg from "pg";
import { removeLeftovers } from "./docker.ts";
import { eventually, listTools } from "./gateway.ts";
import { Workspace } from "./workspace.ts";

// Secrets are replaced while a client calls.
const PREFIX = "e2e-rot-";
const GATEWAY_PORT = 20000;
const POSTGRES_PORT = 20432;
const off = Object.fromEntries(
  ["fetch", "filesystem", "git", "memory", "sequentialthinking"].map((name) => [name, { enabled: false }]),
);
const config = {
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  // As often as the test can wait for.
  "litellm-mcp:gateway": { port: GATEWAY_PORT, generalSettings: { maximum_spend_logs_retention_interval: "3s" } },
  "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
  "litellm-mcp:servers": off,
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"], budget: 5 } },
};

let workspace: Workspace;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create("e2erot", config);
  const { exitCode, output } = await workspace.run("npm", ["run", "up", "--", "--stack", "e2erot", "--yes"]);
  assert.equal(exitCode, 0, output);
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
});

/** Where this user's files of clients are. */
const ownFolder = () => ({ XDG_CONFIG_HOME: path.join(workspace.root, "../config") });
const rotate = (...args: string[]) =>
  workspace.run("npm", ["run", "--silent", "rotate", "--", "--stack", "e2erot", ...args], { env: ownFolder() });

/** One call with a key: whether it was answered, and how. */
async function call(key: string): Promise<{ works: boolean; status: number; text: string }> {
  const response = await fetch(`http://127.0.0.1:${GATEWAY_PORT}/mcp/`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${key}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "time-get_current_time", arguments: { timezone: "UTC" } },
    }),
  });
  const text = await response.text();
  return { works: response.ok && text.includes("datetime"), status: response.status, text };
}

/** Values of the passwords in the state, by name, without what is to be deleted. */
async function passwords(): Promise<Record<string, string>> {
  const { deployment } = JSON.parse(await workspace.exportState({ showSecrets: true })) as {
    deployment: {
      resources: { urn: string; type: string; delete?: boolean; outputs?: { result?: { plaintext: string } } }[];
    };
  };
  const made = deployment.resources.filter(
    (resource) => resource.type === "random:index/randomPassword:RandomPassword" && !resource.delete,
  );
  return Object.fromEntries(
    made.map(({ urn, outputs }) => [urn.split("::").at(-1)!, JSON.parse(outputs!.result!.plaintext) as string]),
  );
}

async function query<T extends pg.QueryResultRow>(user: string, password: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ host: "127.0.0.1", port: POSTGRES_PORT, user, password, database: "litellm_db" });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const keysInLiteLlm = async () =>
  query<{ key_alias: string; spend: number }>(
    "postgres",
    (await passwords())["postgres-admin-password"]!,
    'SELECT key_alias, spend FROM "LiteLLM_VerificationToken" ORDER BY key_alias',
  );

const seen = new Set<string>();
const remember = async () => Object.values(await passwords()).forEach((value) => seen.add(value));

test("without a terminal it asks for --yes, and changes nothing", async () => {
  const before = await passwords();
  const { exitCode, output } = await rotate("--client", "phone");
  assert.equal(exitCode, 1, output);
  assert.match(output, /nothing was changed: without a terminal to ask on, this needs --yes/);
  assert.deepEqual(await passwords(), before);
});

test("a client's key is replaced while the client calls: at every moment at least one of its keys works", async () => {
  await remember();
  const before = await passwords();
  const old = `sk-${before["client-phone-value"]}`;
  await query(
    "postgres",
    before["postgres-admin-password"]!,
    `UPDATE "LiteLLM_VerificationToken" SET spend = 1.5 WHERE key_alias = 'phone'`,
  );
  assert.ok((await call(old)).works);
  const clients = ["run", "--silent", "clients", "--", "--stack", "e2erot", "--client", "phone", "--app", "codex"];
  const { exitCode: hasFiles } = await workspace.run("npm", clients, { env: ownFolder() });
  assert.equal(hasFiles, 0);
  let ended = false;
  const counted = { old: 0, new: 0 };
  const calls = (async () => {
    let current: string | undefined;
    while (!ended || counted.new < 20) {
      if (current === undefined) {
        const { works, status, text } = await call(old);
        if (works) counted.old += 1;
        else {
          assert.equal(status, 401, text);
          current = `sk-${(await passwords())["client-phone-value"]}`;
        }
      } else {
        const { works, status, text } = await call(current);
        assert.ok(works, `after ${counted.new} calls with the new key: ${status} ${text}`);
        counted.new += 1;
      }
      await sleep(20);
    }
  })();
  const { exitCode, output, seconds } = await rotate("--client", "phone", "--yes");
  ended = true;
  assert.equal(exitCode, 0, output);
  await calls;
  console.log(
    `npm run rotate --client: ${seconds.toFixed(0)} s; ${counted.old} calls with the old key, then ${counted.new} with the new one, none failed`,
  );
  assert.ok(counted.old > 20, `only ${counted.old} calls with the old key`);
  assert.match(output, /npm run clients -- --stack e2erot --client phone/);
  assert.equal((await call(old)).status, 401);
  const now = await passwords();
  const [, renewed = assert.fail(output)] = /have the new key now:\n +(.+)\n/.exec(output) ?? [];
  const text = await readFile(renewed, "utf8");
  assert.ok(text.includes(`sk-${now["client-phone-value"]}`) && !text.includes(old), renewed);
  assert.deepEqual(
    Object.keys(now).filter((name) => now[name] !== before[name]),
    ["client-phone-value"],
  );
  // The old one is gone, and the new one has not the budget of a new client.
  assert.deepEqual(await keysInLiteLlm(), [
    { key_alias: "ingress:listing", spend: 0 },
    { key_alias: "phone", spend: 1.5 },
    { key_alias: "test-key", spend: 0 },
  ]);
});

test("spend rows are deleted when they are older than gateway.spendDays, and contain no prompts", async () => {
  const { models, clientKeys } = await workspace.outputs();
  const answer = await fetch(`${models}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${clientKeys["test-key"]}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "mock", messages: [{ role: "user", content: "never to be stored" }] }),
  });
  assert.match(await answer.text(), /MOCK-OK/);
  const password = (await passwords())["postgres-admin-password"]!;
  const row = await eventually("the row of the call", 30, async () => {
    const rows = await query<{ row: string }>(
      "postgres",
      password,
      `SELECT row_to_json(logs)::text AS row FROM "LiteLLM_SpendLogs" logs WHERE call_type = 'acompletion'`,
    );
    return rows[0]?.row;
  });
  assert.ok(!row.includes("never to be stored") && !row.includes("MOCK-OK"), row);
  for (const days of [89, 91])
    await query(
      "postgres",
      password,
      `INSERT INTO "LiteLLM_SpendLogs" (request_id, call_type, "startTime", "endTime") VALUES ('aged ${days}', 'test', now() - interval '${days} days', now())`,
    );
  const aged = async () =>
    (
      await query<{ request_id: string }>(
        "postgres",
        password,
        `SELECT request_id FROM "LiteLLM_SpendLogs" WHERE call_type = 'test'`,
      )
    ).map(({ request_id }) => request_id);
  await eventually("the row of 91 days ago is deleted", 30, async () => (await aged()).length === 1);
  assert.deepEqual(await aged(), ["aged 89"]);
});

test("all secrets are replaced: everything works, and no old one is accepted", async () => {
  await remember();
  const before = await passwords();
  const { exitCode, output, seconds } = await rotate("--all", "--yes");
  console.log(`npm run rotate --all: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  await remember();
  const now = await passwords();
  assert.deepEqual(
    Object.keys(now).filter((name) => now[name] === before[name]),
    ["litellm-salt-key"],
  );

  for (const client of ["phone", "test-key"]) {
    assert.equal((await call(`sk-${before[`client-${client}-value`]}`)).status, 401);
    assert.ok((await call(`sk-${now[`client-${client}-value`]}`)).works);
  }
  const { gateway, clientKeys } = await workspace.outputs();
  assert.ok((await listTools(gateway, clientKeys["test-key"])).includes("postgres-execute_sql"));

  const administered = async (values: Record<string, string>) =>
    (
      await fetch(`http://127.0.0.1:${GATEWAY_PORT + 1}/key/list`, {
        headers: { authorization: `Bearer sk-${values["litellm-master-key"]}` },
      })
    ).status;
  assert.equal(await administered(now), 200);
  assert.equal(await administered(before), 401);

  for (const [user, name] of [
    ["postgres", "postgres-admin-password"],
    ["litellm_user", "databases-litellm_user-password"],
  ] as const) {
    assert.deepEqual(await query(user, now[name]!, "SELECT 1 AS one"), [{ one: 1 }]);
    await assert.rejects(query(user, before[name]!, "SELECT 1"), /password authentication failed/);
  }
  assert.deepEqual(
    (await keysInLiteLlm()).map(({ key_alias }) => key_alias),
    ["ingress:listing", "phone", "test-key"],
  );
  const rows = async () =>
    (
      await query<{ count: string }>(
        "postgres",
        now["postgres-admin-password"]!,
        'SELECT count(*) FROM "LiteLLM_SpendLogs"',
      )
    )[0]!.count;
  const counted = Number(await rows());
  assert.ok((await call(clientKeys["phone"]!)).works);
  await eventually("a row of the call in LiteLLM's database", 30, async () => Number(await rows()) > counted);
});

test("afterwards a preview shows no changes", async () => {
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

test("no secret was printed, old or new", () => {
  assert.ok(seen.size > 10);
  for (const value of seen) assert.ok(!workspace.printed.includes(value));
});
