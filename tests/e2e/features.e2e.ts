import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import pg from "pg";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { auditFiles, bridgeAddress, callsHeard, docker, removeLeftovers, startedAt } from "./docker.ts";
import { callTool, eventually } from "./gateway.ts";
import { providerApis, SAID_BY } from "./provider-apis.ts";
import { canaryAddress, type Provider, provider } from "./provider.ts";
import { Workspace } from "./workspace.ts";

// What LiteLLM itself can do, by settings of the stack: each is seen from outside, by what stand-ins hear.
const PREFIX = "e2e-features-";
const PORT = 30200;
const POSTGRES_PORT = 30632;
const BASE = `http://127.0.0.1:${PORT}`;
const SERVERS = ["everything", "time"];
const COOLDOWN_S = 20;
const TIMEOUT_S = 4;
const SECRETS = {
  openaiKey: "sk-key-of-openai",
  anthropicKey: "sk-ant-key-of-anthropic",
  geminiKey: "key-of-gemini",
  collectorLogin: "Bearer login-of-the-collector",
  langfusePublic: "pk-lf-of-the-test",
  langfuseSecret: "sk-lf-of-the-test",
};
/** A row of spend is written within so many seconds. */
const WRITTEN_WITHIN_S = 30;

let workspace: Workspace;
let first: Provider;
let second: Provider;
let spare: Provider;
let apis: Provider;
let collector: Provider;
let langfuse: Provider;
let keys: Record<string, string>;
let masterKey: string;
let database: pg.Client;

before(async () => {
  await removeLeftovers(PREFIX);
  const bridge = await bridgeAddress();
  [first, second, spare, apis, collector, langfuse] = await Promise.all([
    provider(bridge),
    provider(bridge),
    provider(bridge),
    providerApis(bridge),
    canaryAddress(bridge),
    canaryAddress(bridge),
  ]);
  const free = { input_cost_per_token: 0, output_cost_per_token: 0 };
  const at = (name: string, { url }: Provider) => ({
    name,
    params: { model: "openai/m", api_base: `${url}/v1`, api_key: "none", ...free },
  });
  workspace = await Workspace.create("e2efeatures", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": {
      port: PORT,
      // LiteLLM looks for budgets whose period is over every ten minutes otherwise.
      generalSettings: { proxy_budget_rescheduler_min_time: 5, proxy_budget_rescheduler_max_time: 6 },
    },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:redis": { cacheSeconds: 300 },
    "litellm-mcp:routing": {
      fallbacks: { pair: ["spare"] },
      retries: 1,
      cooldownSeconds: COOLDOWN_S,
      timeoutSeconds: TIMEOUT_S,
    },
    "litellm-mcp:telemetry": {
      openTelemetry: { endpoint: collector.url, header: { name: "authorization", secret: "collectorLogin" } },
      langfuse: { url: langfuse.url, publicKey: "langfusePublic", secretKey: "langfuseSecret" },
    },
    "litellm-mcp:guard": { refuse: ["token"], mask: ["email"] },
    "litellm-mcp:models": [
      at("pair", first),
      at("pair", second),
      at("spare", spare),
      {
        name: "gpt",
        params: { model: "openai/gpt-5", api_base: `${apis.url}/openai/v1` },
        secrets: { api_key: "openaiKey" },
      },
      {
        name: "claude",
        params: { model: "anthropic/claude-opus-4-1", api_base: `${apis.url}/anthropic` },
        secrets: { api_key: "anthropicKey" },
      },
      {
        name: "gemini",
        params: { model: "gemini/gemini-2.5-pro", api_base: `${apis.url}/gemini` },
        secrets: { api_key: "geminiKey" },
      },
    ],
    "litellm-mcp:servers": { everything: { enabled: true, costPerCall: 0.01, toolCosts: { "get-sum": 0.25 } } },
    "litellm-mcp:clients": {
      "test-key": {},
      pairs: { servers: ["time"], models: ["pair"] },
      tokens: { servers: ["time"], models: ["spare"], tpm: 5 },
      monthly: { servers: ["everything"], models: ["spare"], budget: 0.3, budgetPeriod: "month" },
    },
  });
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  assert.equal((await workspace.run("pulumi", ["stack", "init", "e2efeatures"])).exitCode, 0);
  for (const [name, value] of Object.entries(SECRETS)) {
    const { exitCode } = await workspace.pulumi(
      "config",
      "set",
      "--secret",
      "--path",
      `litellm-mcp:secrets.${name}`,
      value,
    );
    assert.equal(exitCode, 0);
  }
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys, masterKey } = await workspace.outputs());
  database = new pg.Client({
    connectionString: `postgresql://postgres:${await workspace.postgresPassword()}@127.0.0.1:${POSTGRES_PORT}/litellm_db`,
  });
  await database.connect();
});

after(async () => {
  await database?.end();
  await workspace.end();
  await Promise.all([first, second, spare, apis, collector, langfuse].map((each) => each.close()));
  await removeLeftovers(PREFIX);
});

beforeEach(() => {
  for (const each of [first, second, spare]) {
    each.trouble = {};
    each.heard.length = 0;
  }
});

interface Answer {
  readonly status: number;
  readonly text: string;
  /** What the model said; undefined for an error. */
  readonly said: string | undefined;
}
async function chat(model: string, content: string, client = "test-key"): Promise<Answer> {
  const answer = await fetch(`${BASE}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${keys[client]}` },
    body: JSON.stringify({ model, messages: [{ role: "user", content }] }),
    signal: AbortSignal.timeout(150_000),
  });
  const text = await answer.text();
  const { choices } = JSON.parse(text) as { choices?: { message: { content: string } }[] };
  return { status: answer.status, text, said: choices?.[0]?.message.content };
}
let count = 0;
/** A question that nobody has asked before. */
const question = () => `question ${(count += 1)}`;
const asked = ({ heard }: Provider) => heard.filter(({ path: where }) => where.endsWith("/chat/completions")).length;

/** Asks so often, one after the other; each has to be answered. */
async function ask(times: number, model = "pair", client?: string): Promise<void> {
  for (let each = 0; each < times; each += 1) {
    const { status, text } = await chat(model, question(), client);
    assert.equal(status, 200, text);
  }
}

test("the stack is stable: nothing changes without a change", async () => {
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

test("the deployments of a model share its requests", async () => {
  await ask(20);
  assert.equal(asked(first) + asked(second), 20);
  // All on one side: once in half a million runs.
  assert.ok(asked(first) > 0 && asked(second) > 0, `${asked(first)} and ${asked(second)}`);
  assert.equal(asked(spare), 0);
});

test("one that hangs: the other, or the fallback, answers after timeoutSeconds", async () => {
  first.trouble = { milliseconds: 60_000 };
  const started = Date.now();
  await ask(4);
  assert.ok(asked(first) > 0, "it was asked");
  // Each request waits for it twice at most.
  assert.ok(Date.now() - started < 4 * (2 * TIMEOUT_S + 6) * 1000, `${Date.now() - started} ms`);
});

test("one that answers 429: the other answers all, and it is not asked for cooldownSeconds", async () => {
  await eventually("both are asked again", 90, async () => {
    await ask(4);
    return asked(first) > 0 && asked(second) > 0;
  });
  first.trouble = { status: 429 };
  first.heard.length = 0;
  await eventually("it was asked", 30, async () => {
    await ask(1);
    return asked(first) > 0;
  });
  const since = Date.now();
  first.heard.length = 0;
  spare.heard.length = 0;
  await ask(8);
  if (Date.now() - since < COOLDOWN_S * 1000) assert.equal(asked(first), 0);
  assert.equal(asked(spare), 0);
  first.trouble = {};
  await eventually("it is asked again", COOLDOWN_S + 60, async () => {
    await ask(2);
    return asked(first) > 0;
  });
});

test("when all deployments fail, the fallback answers, whoever may use the model", async () => {
  first.trouble = second.trouble = { status: 500 };
  await ask(3, "pair", "pairs");
  assert.equal(asked(spare), 3);
  // LiteLLM tries again once, on whichever deployment.
  assert.ok(asked(first) + asked(second) <= 6, `${asked(first)} and ${asked(second)}`);
  assert.equal((await chat("spare", question(), "pairs")).status, 403);
});

test("the same question reaches the provider once, from whichever client; responses are never kept", async () => {
  const content = question();
  for (const client of ["test-key", "test-key", "monthly"])
    assert.equal((await chat("spare", content, client)).status, 200);
  assert.equal(asked(spare), 1);
  await ask(1, "spare");
  assert.equal(asked(spare), 2);
  for (let each = 0; each < 2; each += 1) {
    const answer = await fetch(`${BASE}/v1/responses`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${keys["test-key"]}` },
      body: JSON.stringify({ model: "spare", input: content }),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
  assert.equal(spare.heard.filter(({ path: where }) => where.endsWith("/responses")).length, 2);
});

test("Redis is LiteLLM's alone, and asks for a password", async () => {
  const { HostConfig, NetworkSettings } = await docker.getContainer(`${PREFIX}redis`).inspect();
  assert.deepEqual(Object.keys(NetworkSettings.Networks), [`${PREFIX}redis-net`]);
  assert.deepEqual(HostConfig.PortBindings ?? {}, {});
  const ping = await runInContainer(docker, `${PREFIX}redis`, ["env", "-u", "REDISCLI_AUTH", "redis-cli", "ping"]);
  assert.match(ping.stdout, /NOAUTH/);
  const lookUp = 'require("node:dns").lookup("redis", (error) => process.exit(error ? 7 : 0))';
  for (const server of SERVERS)
    assert.equal((await runInContainer(docker, `${PREFIX}mcp-${server}`, ["node", "-e", lookUp])).exitCode, 7, server);
});

test("without Redis models answer all the same", async () => {
  const redis = docker.getContainer(`${PREFIX}redis`);
  await redis.stop();
  try {
    await ask(2, "spare");
    assert.equal(asked(spare), 2);
  } finally {
    await redis.start();
  }
});

test("tokens a minute: who has used them up is refused models, also by a LiteLLM that was started again", async () => {
  await eventually("Redis answers", 30, async () => {
    const { stdout } = await runInContainer(docker, `${PREFIX}redis`, ["redis-cli", "ping"]);
    return stdout.trim() === "PONG";
  });
  const refused = () =>
    eventually("the limit holds", 60, async () => {
      const { status, text } = await chat("spare", question(), "tokens");
      if (status === 200) return false;
      assert.equal(status, 429, text);
      assert.match(text, /tokens/);
      return true;
    });
  await refused();
  const litellm = docker.getContainer(`${PREFIX}litellm`);
  const before = await startedAt(`${PREFIX}litellm`);
  await litellm.restart();
  assert.ok((await startedAt(`${PREFIX}litellm`)) > before);
  // Another client is answered: LiteLLM is back.
  await ask(1, "spare");
  await refused();
});

test("a call of a tool costs what the stack says, and spends the budget; when its period is over, it is there again", async () => {
  const spent = async () =>
    (
      await database.query<{ tool: string; spend: number }>(
        `SELECT mcp_namespaced_tool_name AS tool, spend FROM "LiteLLM_SpendLogs"
         WHERE call_type = 'call_mcp_tool' AND metadata->>'user_api_key_alias' = 'monthly' ORDER BY spend`,
      )
    ).rows;
  assert.equal(
    await callTool(`${BASE}/mcp/`, keys["monthly"]!, "everything-echo", { message: "cheap" }),
    "Echo: cheap",
  );
  assert.match(await callTool(`${BASE}/mcp/`, keys["monthly"]!, "everything-get-sum", { a: 1, b: 2 }), /3/);
  // The gateway check has called the server with this client's key as well.
  const rows = await eventually("rows of both", WRITTEN_WITHIN_S, async () => {
    const found = await spent();
    return found.length > 1 && found.some(({ tool }) => tool.endsWith("get-sum")) && found;
  });
  assert.deepEqual(rows.slice(-2), [
    { tool: "everything/echo", spend: 0.01 },
    { tool: "everything/get-sum", spend: 0.25 },
  ]);
  await callTool(`${BASE}/mcp/`, keys["monthly"]!, "everything-get-sum", { a: 1, b: 2 });
  await eventually("the budget is spent", 60, async () => (await chat("spare", question(), "monthly")).status === 402);

  const key = `key_alias = 'monthly'`;
  const reset = async () =>
    (
      await database.query<{ budget_duration: string; day: number }>(
        `SELECT budget_duration, date_part('day', budget_reset_at) AS day FROM "LiteLLM_VerificationToken" WHERE ${key}`,
      )
    ).rows[0];
  assert.deepEqual(await reset(), { budget_duration: "30d", day: 1 });
  await database.query(
    `UPDATE "LiteLLM_VerificationToken" SET budget_reset_at = now() - interval '1 hour' WHERE ${key}`,
  );
  await eventually("what was spent is forgotten", 120, async () => {
    return (await chat("spare", question(), "monthly")).status === 200;
  });
  assert.deepEqual(await reset(), { budget_duration: "30d", day: 1 });
});

test("OpenAI, Anthropic and Gemini are asked as their APIs want it", async () => {
  for (const [model, said] of [
    ["gpt", SAID_BY.openai],
    ["claude", SAID_BY.anthropic],
    ["gemini", SAID_BY.gemini],
  ] as const) {
    const answer = await chat(model, `hello ${model}`);
    assert.equal(answer.said, said, answer.text);
  }
  const [openai, anthropic, gemini] = apis.heard;
  assert.equal(apis.heard.length, 3);
  assert.equal(openai?.headers.authorization, `Bearer ${SECRETS.openaiKey}`);
  assert.deepEqual(JSON.parse(openai.body), { model: "gpt-5", messages: [{ role: "user", content: "hello gpt" }] });
  assert.equal(anthropic?.headers["x-api-key"], SECRETS.anthropicKey);
  assert.equal(anthropic?.headers["anthropic-version"], "2023-06-01");
  const { model, messages } = JSON.parse(anthropic.body) as Record<string, unknown>;
  assert.deepEqual(
    { model, messages },
    {
      model: "claude-opus-4-1",
      messages: [{ role: "user", content: [{ type: "text", text: "hello claude" }] }],
    },
  );
  // With an `api_base` LiteLLM 1.77.3 sends the key so; to Google itself it goes in the address.
  assert.equal(gemini?.headers.authorization, `Bearer ${SECRETS.geminiKey}`);
  const { contents } = JSON.parse(gemini.body) as Record<string, unknown>;
  assert.deepEqual(contents, [{ role: "user", parts: [{ text: "hello gemini" }] }]);
});

test("a call with what no tool may have is refused; an email reaches the server, and no record", async () => {
  const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
  const before = await callsHeard(`${PREFIX}mcp-everything`);
  const echo = (message: string) => callTool(`${BASE}/mcp/`, keys["test-key"]!, "everything-echo", { message });
  assert.match(await echo(`my key is ${token}`), /lets no tool have: token \(litellm-mcp:guard\.refuse\)/);
  assert.equal(await callsHeard(`${PREFIX}mcp-everything`), before);
  assert.equal(await echo("write to jane@example.org"), "Echo: write to jane@example.org");

  const rows = async () =>
    (
      await database.query<{ row: string; message: string }>(
        `SELECT metadata->'mcp_tool_call_metadata'->'arguments'->>'message' AS message, t::text AS row
         FROM "LiteLLM_SpendLogs" t WHERE call_type = 'call_mcp_tool'`,
      )
    ).rows;
  await eventually("a row with the mask", WRITTEN_WITHIN_S, async () =>
    (await rows()).some(({ message }) => message === "write to [email]"),
  );
  const records = [...(await rows()).map(({ row }) => row), await auditFiles(`${PREFIX}ingress`)];
  for (const record of records) assert.ok(!record.includes("jane@") && !record.includes(token), record);
  assert.match(records.at(-1)!, /write to \[email\]/);
  assert.match(records.at(-1)!, /my key is \[token\]/);
});

/** Prints the names of spans, with their attributes, of an OTLP request in base64 on standard input. */
const DECODE = `
import base64, json, sys
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
request = ExportTraceServiceRequest()
request.ParseFromString(base64.b64decode(sys.stdin.read()))
spans = [span for r in request.resource_spans for s in r.scope_spans for span in s.spans]
print(json.dumps([{"name": s.name, **{a.key: a.value.string_value for a in s.attributes}} for s in spans]))
`;

test("a collector gets a trace of each request, Langfuse an entry; neither gets texts or secrets", async () => {
  const text = `a text that stays here ${question()}`;
  collector.heard.length = 0;
  langfuse.heard.length = 0;
  assert.equal((await chat("spare", text)).status, 200);
  await callTool(`${BASE}/mcp/`, keys["test-key"]!, "everything-echo", { message: "traced" });

  const spans = await eventually("spans of both", 60, async () => {
    const all: Record<string, string>[] = [];
    for (const { bytes } of collector.heard) {
      const { exitCode, stdout, stderr } = await runInContainer(
        docker,
        `${PREFIX}litellm`,
        ["python3", "-c", DECODE],
        bytes.toString("base64"),
      );
      assert.equal(exitCode, 0, stderr);
      all.push(...(JSON.parse(stdout) as Record<string, string>[]));
    }
    const has = (model: string) => all.some((span) => span["gen_ai.request.model"] === model);
    return has("m") && all.some((span) => JSON.stringify(span).includes("everything/echo")) && all;
  });
  assert.ok(
    spans.some(({ name }) => name === "litellm_request"),
    spans.map(({ name }) => name).join(", "),
  );
  assert.ok(spans.some((span) => span["metadata.user_api_key_alias"] === "test-key"));
  for (const { path: where, headers } of collector.heard)
    assert.deepEqual(
      [where, headers["content-type"], headers.authorization],
      ["/v1/traces", "application/x-protobuf", SECRETS.collectorLogin],
    );

  const login = `Basic ${Buffer.from(`${SECRETS.langfusePublic}:${SECRETS.langfuseSecret}`).toString("base64")}`;
  const generation = await eventually("an entry at Langfuse", 60, async () => {
    for (const { path: where, headers, body } of langfuse.heard.filter(({ path: each }) =>
      each.endsWith("/ingestion"),
    )) {
      assert.deepEqual([where, headers.authorization], ["/api/public/ingestion", login]);
      const { batch } = JSON.parse(body) as { batch: { type: string; body: Record<string, any> }[] };
      const found = batch.find((each) => each.type === "generation-create" && each.body["model"] === "m");
      if (found) return found.body;
    }
    return undefined;
  });
  assert.equal(generation["metadata"]["user_api_key_alias"], "test-key");

  const secrets = [...Object.values(SECRETS), masterKey, ...Object.values(keys)];
  for (const [who, { heard }] of Object.entries({ collector, langfuse }))
    for (const { body } of heard) {
      assert.ok(!body.includes(text), `${who}: the text of a request`);
      assert.ok(!body.includes("Hello from the provider"), `${who}: the text of an answer`);
      for (const secret of secrets)
        // Langfuse is told by each entry of which project it is.
        if (who !== "langfuse" || secret !== SECRETS.langfusePublic)
          assert.ok(!body.includes(secret), `${who}: a secret`);
    }
});

test("a collector that is away holds nobody up", async () => {
  collector.trouble = langfuse.trouble = { milliseconds: 30_000 };
  const started = Date.now();
  await ask(3, "spare");
  assert.ok(Date.now() - started < 15_000, `${Date.now() - started} ms`);
  collector.trouble = langfuse.trouble = {};
});
