import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { auditLines, bridgeAddress, leftovers, removeLeftovers } from "./docker.ts";
import { callTool, eventually, serversAt } from "./gateway.ts";
import { messagesApi, type ModelStandIn } from "./model-stand-ins.ts";
import { type Provider, provider } from "./provider.ts";
import { go, hasRust, python, type Run, rust, typescript, withNpmPrograms } from "./sdk-programs.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// The programs of examples/, as docs/sdks.md shows them, against a whole stack. The models are played: each calls
// time-get_current_time when it is offered, and the one of Anthropic's API repeats what the tool answered.
const PREFIX = "e2e-sdks-";
const PORT = 30500;
const GATEWAY = `http://127.0.0.1:${PORT}`;
const ADMIN = `http://127.0.0.1:${PORT + 1}`;
const WRONG_KEY = "wrong key: this gateway has no client with it (npm run clients writes the right ones)";

let workspace: Workspace;
let openai: Provider;
let anthropic: ModelStandIn;
let keys: Record<string, string>;
let masterKey: string;

before(async () => {
  await removeLeftovers(PREFIX);
  const bridge = await bridgeAddress();
  const call = { timezone: "Asia/Tokyo" };
  [openai, anthropic] = await Promise.all([
    provider(bridge, { name: "time-get_current_time", arguments: call }),
    messagesApi({ tool: /^time-get_current_time$/, arguments: call }, bridge),
  ]);
  workspace = await Workspace.create("sdks", {});
  const off = (await workspace.serverFolders()).filter((name) => !["git", "time"].includes(name));
  await workspace.writeConfig({
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: 30934 },
    "litellm-mcp:servers": Object.fromEntries(off.map((name) => [name, { enabled: false }])),
    "litellm-mcp:models": [
      { name: "gpt", params: { model: "openai/m", api_base: `${openai.url}/v1`, api_key: "none" } },
      { name: "claude", params: { model: "anthropic/m", api_base: anthropic.url, api_key: "none" } },
    ],
    "litellm-mcp:clients": { "test-key": {}, lone: { servers: ["time"] } },
  });
  assert.equal((await workspace.run("pulumi", ["stack", "init", workspace.stack])).exitCode, 0);
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys, masterKey } = await workspace.outputs());
});

after(async () => {
  await workspace.end();
  await Promise.all([openai.close(), anthropic.close()]);
  await removeLeftovers(PREFIX);
  assert.deepEqual(await leftovers(PREFIX), []);
});

/** How often the tool has been called through the gateway, by its audit. */
const calls = async () =>
  (await auditLines(`${PREFIX}ingress`)).filter(
    ({ tool, outcome }) => tool === "get_current_time" && outcome === "answered",
  ).length;

const IN_TOKYO = /"timezone": "Asia\/Tokyo"|\\"timezone\\": \\"Asia\/Tokyo\\"|\\n {2}"timezone": "Asia\/Tokyo"/;

/** Both kinds of request, with nothing but the base URL and the key of the gateway. */
const MODELS_AND_TOOLS: Readonly<Record<string, { readonly model: string; readonly run: Run; readonly says: RegExp }>> =
  {
    "OpenAI's SDK for Python": { model: "gpt", run: python("openai_sdk.py"), says: /^model: Hello.*^tool: time-/ms },
    "OpenAI's SDK for TypeScript": {
      model: "gpt",
      run: typescript("openai-sdk.ts"),
      says: /^model: Hello.*^tool: time-/ms,
    },
    "Anthropic's SDK for Python": {
      model: "claude",
      run: python("anthropic_sdk.py"),
      says: /^model: .*^model: calls time-get_current_time$.*^model: \{/ms,
    },
    "Anthropic's SDK for TypeScript": {
      model: "claude",
      run: typescript("anthropic-sdk.ts"),
      says: /^model: .*^model: calls time-get_current_time$.*^model: \{/ms,
    },
  };

for (const [name, { model, run, says }] of Object.entries(MODELS_AND_TOOLS)) {
  const env = (key: string) => ({ GATEWAY, LITELLM_KEY: key, MODEL: model });

  test(`${name}: a model, and a model that calls a tool`, async () => {
    const before = await calls();
    const { exitCode, output } = await run(env(keys["test-key"]!));
    assert.equal(exitCode, 0, output);
    assert.match(output, says);
    assert.match(output, IN_TOKYO);
    await eventually("the call is in the audit", 10, async () => (await calls()) === before + 1);
  });

  test(`${name}: a wrong key is said to be one`, async () => {
    const { exitCode, output } = await run(env("sk-wrong"));
    assert.notEqual(exitCode, 0);
    assert.ok(output.includes(WRONG_KEY), output);
  });
}

/** What each says of a wrong key: Go's and LangChain's keep the gateway's text to themselves. */
const TOOLS: Readonly<Record<string, { readonly run: Run; readonly wrongKey: string; readonly long?: true }>> = {
  "the Python SDK of MCP": { run: python("mcp_sdk.py"), wrongKey: WRONG_KEY },
  "OpenAI's Agents SDK": { run: python("openai_agents.py"), wrongKey: WRONG_KEY },
  FastMCP: { run: python("fastmcp_client.py"), wrongKey: WRONG_KEY, long: true },
  "LangChain's adapters": {
    run: python("langchain_tools.py", "requirements-langchain.txt"),
    wrongKey: "401 Unauthorized",
    long: true,
  },
  "the AI SDK": { run: withNpmPrograms("ai-sdk.mjs"), wrongKey: WRONG_KEY, long: true },
  "the Go SDK of MCP": { run: go, wrongKey: "Unauthorized", long: true },
  "the Rust SDK of MCP": { run: rust, wrongKey: WRONG_KEY, long: true },
};

for (const [name, { run, wrongKey, long }] of Object.entries(TOOLS)) {
  const isMissing = async () => run === rust && !(await hasRust()) && "there is no cargo on this machine";
  const skip = (long && longOnly.skip) || (await isMissing());
  const env = (where: string, key: string) => ({
    GATEWAY,
    MCP_URL: `${GATEWAY}${where}`,
    LITELLM_KEY: key,
    MODEL: "gpt",
  });

  for (const where of ["/mcp", "/mcp/", "/mcp/time", "/mcp/time/"])
    test(`${name} lists and calls at ${where}`, { skip }, async () => {
      const { exitCode, output } = await run(env(where, keys["test-key"]!));
      assert.equal(exitCode, 0, output);
      assert.match(output, /^tools: .*time-get_current_time/m);
      assert.equal(/^tools: .*git-git_log/m.test(output), !where.includes("time"), output);
      assert.match(output, IN_TOKYO);
    });

  test(`${name}: a wrong key is said to be one`, { skip }, async () => {
    const { exitCode, output } = await run(env("/mcp/", "sk-wrong"));
    assert.notEqual(exitCode, 0);
    assert.ok(output.includes(wrongKey), output);
  });
}

test("what narrows, and what a name does that nobody has", async () => {
  const list = (where: string, headers: Record<string, string> = {}, key = "test-key") =>
    serversAt(`${GATEWAY}${where}`, keys[key]!, headers);
  const nobody = (name: string) => `404 there is no MCP server and no group "${name}"`;
  const both = ["git", "time"];
  for (const [where, headers, shown] of [
    ["/mcp", {}, both],
    ["/mcp/", {}, both],
    ["/mcp/time", {}, ["time"]],
    ["/mcp/time/", {}, ["time"]],
    ["/mcp/time,git", {}, both],
    ["/mcp/utility", {}, ["time"]],
    ["/mcp/nosuch", {}, nobody("nosuch")],
    ["/mcp/nosuch/", {}, nobody("nosuch")],
    ["/mcp/time,nosuch", {}, nobody("nosuch")],
    ["/mcp/", { "x-mcp-servers": "time" }, ["time"]],
    ["/mcp/", { "x-mcp-servers": "time, git" }, both],
    ["/mcp/", { "x-mcp-servers": "utility" }, ["time"]],
    ["/mcp/", { "x-mcp-access-groups": "utility" }, ["time"]],
    ["/mcp/", { "x-mcp-servers": "db" }, nobody("db")],
    ["/mcp/", { "x-mcp-servers": "Time" }, nobody("Time")],
    ["/mcp/", { "x-mcp-servers": "" }, nobody("")],
    ["/mcp/", { "x-mcp-access-groups": "nosuch" }, nobody("nosuch")],
    ["/mcp/git", { "x-mcp-servers": "time" }, []],
  ] as const)
    assert.deepEqual(await list(where, headers), shown, `${where} ${JSON.stringify(headers)}`);
  assert.equal(await list("/mcp/git", {}, "lone"), "403 this key may not use server git");
  assert.equal(await list("/mcp/time,git", {}, "lone"), "403 this key may not use server git");
});

test("LiteLLM's own routes are closed with a reason that says where they are", async () => {
  for (const where of ["/key/info", "/v1/mcp/server", "/v1/model/info", "/health/readiness", "/ui/"])
    for (const key of [keys["test-key"], masterKey, "sk-wrong"]) {
      const answer = await fetch(`${GATEWAY}${where}`, { headers: { authorization: `Bearer ${key}` } });
      assert.equal(answer.status, 404);
      const { error } = (await answer.json()) as { error: string };
      assert.match(error, /^this gateway has no GET \/.*: it has \/health, \/mcp\/, .*LiteLLM's own routes/);
    }
  const health = await fetch(`${GATEWAY}/health`, { headers: { authorization: `Bearer ${keys["test-key"]}` } });
  assert.equal(health.status, 200);
});

test("LiteLLM's admin UI: on the host's loopback, with the master key; its logs name a call's client, and the tool in the metadata alone", async () => {
  const page = await fetch(`${ADMIN}/ui/`);
  assert.match(await page.text(), /<title>LiteLLM Dashboard/);
  const login = (password: string) =>
    fetch(`${ADMIN}/login`, {
      method: "POST",
      body: new URLSearchParams({ username: "admin", password }),
      redirect: "manual",
    });
  assert.equal((await login("wrong")).status, 401);
  const entered = await login(masterKey);
  assert.equal(entered.status, 303);
  // The page sends the key in its cookie for every request of its own.
  const cookie = /token=([^;]+)/.exec(entered.headers.get("set-cookie") ?? "")![1]!;
  const { key } = JSON.parse(Buffer.from(cookie.split(".")[1]!, "base64url").toString()) as { key: string };
  assert.match(
    await (await fetch(`${GATEWAY}/v1/models`, { headers: { authorization: `Bearer ${key}` } })).text(),
    /wrong key/,
  );

  await callTool(`${GATEWAY}/mcp/`, keys["lone"]!, "time-get_current_time", { timezone: "Asia/Tokyo" });
  const day = (offset: number) => new Date(Date.now() + offset).toISOString().slice(0, 19).replace("T", " ");
  const query = new URLSearchParams({ start_date: day(-3_600_000), end_date: day(60_000), page: "1", page_size: "50" });
  const row = await eventually("a row of a tool's call in the logs of the UI", 60, async () => {
    const answer = await fetch(`${ADMIN}/spend/logs/ui?${query}`, { headers: { authorization: `Bearer ${key}` } });
    const { data } = (await answer.json()) as { data: Record<string, any>[] };
    // Its client is not alone in the logs: the gateway check has called with the same key.
    return data.find(
      ({ call_type, metadata }) =>
        call_type === "call_mcp_tool" &&
        metadata.user_api_key_alias === "lone" &&
        metadata.mcp_tool_call_metadata.arguments.timezone === "Asia/Tokyo",
    );
  });
  // The list of the page Logs shows the model, which a call has not.
  assert.equal(row.model, "");
  const { mcp_server_name, name } = row.metadata.mcp_tool_call_metadata;
  assert.deepEqual([mcp_server_name, name], ["time", "get_current_time"]);
});
