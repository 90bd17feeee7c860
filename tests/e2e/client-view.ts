import assert from "node:assert/strict";
import { test } from "node:test";
import pg from "pg";
import { auditLines, docker, logsOf } from "./docker.ts";
import { callTool, eventually, listTools } from "./gateway.ts";
import type { Workspace } from "./workspace.ts";

/** Spend rows are written every 7 to 13 seconds. */
const SPEND_LOGS_WITHIN_S = 40;

/** The models both end-to-end stacks declare: one that answers, one that asks for a tool. */
export const testModels = [
  { name: "mock", params: { model: "openai/mock", api_key: "none", mock_response: "MOCK-OK", input_cost_per_token: 0, output_cost_per_token: 0 } },
  {
    name: "mock-tool-caller",
    // A provider without a Responses API of its own, so that LiteLLM bridges to chat completions and runs MCP tools itself.
    params: {
      model: "hosted_vllm/mock",
      api_base: "http://127.0.0.1:9/v1",
      input_cost_per_token: 0,
      output_cost_per_token: 0,
      mock_tool_calls: [{ id: "call_1", type: "function", function: { name: "everything-echo", arguments: '{"message":"through the responses API"}' } }],
    },
  },
];

export const testClients = {
  "test-key": {},
  "claude-code": {},
  limited: { servers: ["time"], models: ["mock", "mock-tool-caller"] },
  reader: { servers: ["git", "postgres"], models: ["mock"], tools: { git: { allow: ["git_log"] }, postgres: { deny: ["execute_sql"] } } },
};

interface Row {
  readonly call_type: string;
  readonly alias: string;
  readonly tool: string | null;
  readonly args: Record<string, unknown> | null;
  readonly model: string;
}

/** What clients on other machines see of a deployed gateway: the tests that both transports to Docker share. */
export function clientViewTests(
  workspace: () => Workspace,
  database: () => Promise<string>,
  { prefix, auditResults }: { prefix: string; auditResults: boolean },
): void {
  const post = async (path: string, key: string, body: unknown) => {
    const { models } = await workspace().outputs();
    return fetch(`${models.replace(/\/v1$/, "")}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  };
  /** Calls that reached the server; the healthcheck lists, and calls nothing. */
  const callsHeard = async () => (await logsOf(`${prefix}mcp-everything`)).match(/Processing request of type CallToolRequest/g)?.length ?? 0;
  const audited = () => auditLines(`${prefix}litellm`);
  const key = async (client: string) => (await workspace().outputs()).clientKeys[client]!;

  test("a client lists the tools of every server", async () => {
    const { gateway, clientKeys, tools } = await workspace().outputs();
    const expected = Object.entries(tools).flatMap(([server, names]) => names.map((name) => `${server}-${name}`)).sort();
    assert.ok(expected.length > 20, `only ${expected.length} tools`);
    assert.deepEqual(await listTools(gateway, clientKeys["claude-code"]), expected);
  });

  test("a client calls tools over all three paths: native sse, wrapped sse, wrapped http", async () => {
    const { gateway } = await workspace().outputs();
    const client = await key("claude-code");
    assert.match(await callTool(gateway, client, "postgres-execute_sql", { sql: "SELECT current_user AS me, 6 * 7 AS answer" }), /mcp_readonly.*42/s);
    assert.match(await callTool(gateway, client, "time-convert_time", { source_timezone: "UTC", time: "12:00", target_timezone: "Asia/Tokyo" }), /21:00/);
    assert.match(await callTool(gateway, client, "clock-convert_time", { source_timezone: "UTC", time: "12:00", target_timezone: "Asia/Tokyo" }), /21:00/);
    assert.match(await callTool(gateway, client, "git-git_log", { repo_path: "/opt/example", max_count: 1 }), /An example/);
    assert.match(await callTool(gateway, client, "everything-get-sum", { a: 20, b: 22 }), /42/);
  });

  test("the Postgres MCP server cannot write, whatever it is told", async () => {
    const { gateway } = await workspace().outputs();
    const answer = await callTool(gateway, await key("test-key"), "postgres-execute_sql", { sql: "CREATE TABLE forbidden (id int)" });
    assert.match(answer, /Error|not allowed|read-only|permission denied/i);
    const client = new pg.Client({ connectionString: (await database()).replace(/\/litellm_db$/, "/mcp_db") });
    await client.connect();
    const { rows } = await client.query("SELECT to_regclass('public.forbidden') AS found");
    await client.end();
    assert.equal(rows[0].found, null);
  });

  test("a wrong key and no key are refused", async () => {
    const { gateway } = await workspace().outputs();
    await assert.rejects(listTools(gateway, "sk-wrong"));
    await assert.rejects(listTools(gateway, undefined));
  });

  test("a client with one server lists that server alone", async () => {
    const { gateway } = await workspace().outputs();
    assert.deepEqual(await listTools(gateway, await key("limited")), ["time-convert_time", "time-get_current_time"]);
  });

  test("the mock model answers, whole and streamed; a model that is not the client's is refused", async () => {
    const body = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    const whole = (await (await post("/v1/chat/completions", await key("limited"), body)).json()) as { choices: { message: { content: string } }[] };
    assert.equal(whole.choices[0]?.message.content, "MOCK-OK");
    const stream = await (await post("/v1/chat/completions", await key("limited"), { ...body, stream: true })).text();
    const chunks = stream.split("\n").flatMap((line) => (line.startsWith("data: {") ? [JSON.parse(line.slice("data: ".length)).choices[0]?.delta.content ?? ""] : []));
    assert.ok(chunks.length > 1, `one chunk: ${stream}`);
    assert.equal(chunks.join(""), "MOCK-OK");
    assert.equal((await post("/v1/chat/completions", await key("reader"), { ...body, model: "mock-tool-caller" })).status, 401);
  });

  test("/v1/responses with type mcp and require_approval never really runs the tool", async () => {
    const requestsBefore = await callsHeard();
    const response = await post("/v1/responses", await key("test-key"), {
      model: "mock-tool-caller",
      input: "echo something",
      tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.match(text, /Echo: through the responses API/);
    assert.ok((await callsHeard()) > requestsBefore, "the server logged no request");
    const line = await eventually("its audit line", 10, async () => (await audited()).find(({ route }) => route === "/v1/responses"));
    const { client, server, tool, arguments: args, outcome } = line;
    assert.deepEqual({ client, server, tool, args, outcome }, { client: "test-key", server: "everything", tool: "echo", args: { message: "through the responses API" }, outcome: "allowed" });
  });

  test("a call to a server that is not the client's is refused, by every route, and the server hears nothing of it", async () => {
    const { gateway } = await workspace().outputs();
    const limited = await key("limited");
    const heard = await callsHeard();
    const message = { message: "never to be heard" };
    assert.match(await callTool(gateway, limited, "everything-echo", message), /may not use server everything/);
    assert.match(await callTool(gateway, limited, "echo", message), /may not use server everything/);
    assert.match(await callTool(`${gateway}everything`, limited, "everything-echo", message), /may not use server everything/);
    const rest = await post("/mcp-rest/tools/call", limited, { name: "everything-echo", arguments: message });
    assert.equal(rest.status, 404, `/mcp-rest/tools/call answered ${await rest.text()}`);
    const responses = await post("/v1/responses", limited, {
      model: "mock-tool-caller",
      input: "echo something",
      tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
    });
    assert.ok(!responses.ok, `/v1/responses answered ${responses.status}`);
    assert.equal(await callsHeard(), heard, "the server was reached");
  });

  test("tools are allowed and denied one by one", async () => {
    const { gateway } = await workspace().outputs();
    const reader = await key("reader");
    assert.match(await callTool(gateway, reader, "git-git_log", { repo_path: "/opt/example", max_count: 1 }), /An example/);
    assert.match(await callTool(gateway, reader, "git-git_status", { repo_path: "/opt/example" }), /may not call git_status of server git/);
    assert.match(await callTool(gateway, reader, "postgres-list_schemas"), /public/);
    assert.match(await callTool(gateway, reader, "postgres-execute_sql", { sql: "SELECT 1" }), /may not call execute_sql of server postgres/);
  });

  test("a key that this program did not make calls nothing, the master key neither", async () => {
    const { gateway, masterKey } = await workspace().outputs();
    const made = (await (await post("/key/generate", masterKey, { key_alias: "stranger" })).json()) as { key: string };
    try {
      for (const stranger of [made.key, masterKey]) {
        assert.match(await callTool(gateway, stranger, "time-get_current_time", { timezone: "UTC" }), /this key has no MCP policy/);
        assert.match(await callTool(`${gateway}time`, stranger, "time-get_current_time", { timezone: "UTC" }), /this key has no MCP policy/);
        const rest = await post("/mcp-rest/tools/call", stranger, { name: "time-get_current_time", arguments: { timezone: "UTC" } });
        assert.equal(rest.status, 404, `/mcp-rest/tools/call answered ${await rest.text()}`);
        const tools = [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }];
        const responses = await post("/v1/responses", stranger, { model: "mock-tool-caller", input: "echo something", tools });
        assert.equal(responses.status, 403, `/v1/responses answered ${await responses.text()}`);
      }
    } finally {
      await post("/key/delete", masterKey, { keys: [made.key] });
    }
  });

  test("nobody has the gateway connect to an address of his choice", async () => {
    const body = { server_name: "mine", url: "http://mcp-time:8000/sse", transport: "sse" };
    for (const who of [await key("test-key"), "sk-not-a-key"]) {
      const response = await post("/mcp-rest/test/connection", who, body);
      assert.equal(response.status, 404, `/mcp-rest/test/connection answered ${await response.text()}`);
    }
    const listed = await post("/mcp-rest/test/tools/list", await key("test-key"), body);
    assert.ok(!listed.ok, `/mcp-rest/test/tools/list answered ${listed.status}`);
  });

  test("a key whose policy is gone, or is none, calls nothing", async () => {
    const { gateway, masterKey } = await workspace().outputs();
    const limited = await key("limited");
    const info = await fetch(`${gateway.replace(/\/mcp\/$/, "")}/key/info?key=${limited}`, { headers: { authorization: `Bearer ${masterKey}` } });
    const { metadata } = ((await info.json()) as { info: { metadata: Record<string, unknown> } }).info;
    const call = () => callTool(gateway, limited, "time-get_current_time", { timezone: "UTC" });
    const write = async (policy: unknown) => {
      const response = await post("/key/update", masterKey, { key: limited, metadata: { ...metadata, mcp_policy: policy } });
      assert.ok(response.ok, await response.text());
    };
    assert.match(await call(), /"timezone"/);
    try {
      for (const policy of [null, "everything", {}, { servers: null }, { servers: {} }, { servers: { time: "all" } }, { servers: { time: { allow: "get_current_time " } } }]) {
        await write(policy);
        const why = JSON.stringify(policy) === '{"servers":{}}' ? /may not use server time/ : /this key has no MCP policy/;
        assert.match(await call(), why, `with ${JSON.stringify(policy)}`);
      }
    } finally {
      await write(metadata["mcp_policy"]);
    }
    assert.match(await call(), /"timezone"/);
  });

  test("a client's key opens the routes that clients use, and no other", async () => {
    const { models, gateway } = await workspace().outputs();
    const base = models.replace(/\/v1$/, "");
    const client = await key("test-key");
    const chat = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    for (const [path, body] of [
      ["/utils/transform_request", { call_type: "completion", request_body: chat }],
      ["/utils/token_counter", chat],
      ["/v1/files", {}],
      ["/v1/batches", {}],
      ["/v1/completions", { model: "mock", prompt: "hello" }],
      ["/engines/mock/chat/completions", chat],
      ["/openai/v1/chat/completions", chat],
    ] as const) {
      const response = await post(path, client, body);
      assert.ok(!response.ok, `${path} answered ${response.status} ${await response.text()}`);
      // LiteLLM 1.77.3 answers with a bare HTTP 500; that it was for the route is in its log alone.
      await eventually(`${path} is refused for its route`, 5, async () => (await logsOf(`${prefix}litellm`)).includes(`Tried to call route: ${path}"`));
    }
    const get = (path: string) => fetch(`${base}${path}`, { headers: { authorization: `Bearer ${client}` } });
    assert.match(await (await get("/v1/models")).text(), /"mock"/);
    assert.match(await (await get("/key/info")).text(), /"key_alias":"test-key"/);
    assert.match(await (await post("/v1/chat/completions", client, chat)).text(), /MOCK-OK/);
    assert.match(await (await post("/v1/responses", client, { model: "mock", input: "hello" })).text(), /MOCK-OK/);
    assert.match(await (await post("/v1/messages", client, { ...chat, max_tokens: 16 })).text(), /MOCK-OK/);
    assert.ok((await listTools(`${gateway}time`, client)).includes("time-get_current_time"));
  });

  test("keys show nobody how the servers are set up", async () => {
    const { models } = await workspace().outputs();
    const response = await fetch(`${models.replace(/\/v1$/, "")}/v1/mcp/server`, { headers: { authorization: `Bearer ${await key("test-key")}` } });
    assert.ok(!response.ok, `/v1/mcp/server answered ${response.status}`);
  });

  test("each call is one audit line, allowed or refused, with client, server, tool and arguments", async () => {
    const { gateway } = await workspace().outputs();
    const timezone = "Pacific/Chatham";
    await callTool(gateway, await key("claude-code"), "time-get_current_time", { timezone });
    await callTool(gateway, await key("reader"), "time-get_current_time", { timezone });
    const lines = await eventually("both audit lines", 20, async () => {
      const found = (await audited()).filter((line) => JSON.stringify(line.arguments) === JSON.stringify({ timezone }));
      return found.length >= 2 && found;
    });
    const shown = lines.map(({ client, server, tool, arguments: args, outcome, reason }) => ({ client, server, tool, args, outcome, reason }));
    const call = { server: "time", tool: "get_current_time", args: { timezone } };
    assert.deepEqual(
      shown.sort((a, b) => String(a.client).localeCompare(String(b.client))),
      [
        { client: "claude-code", ...call, outcome: "allowed", reason: undefined },
        { client: "reader", ...call, outcome: "refused", reason: "this key may not use server time" },
      ],
    );
    assert.equal(typeof lines.find(({ outcome }) => outcome === "allowed")?.milliseconds, "number");
    const results = lines.flatMap(({ result }) => (result === undefined ? [] : [JSON.stringify(result)]));
    assert.equal(results.length, auditResults ? 1 : 0);
    for (const result of results) assert.match(result, /Pacific\/Chatham/);
  });

  test("every call is a row in LiteLLM_SpendLogs, with client, tool and arguments", async () => {
    const { gateway } = await workspace().outputs();
    const timezone = "Antarctica/Troll";
    await callTool(gateway, await key("claude-code"), "time-get_current_time", { timezone });
    const client = new pg.Client({ connectionString: await database() });
    await client.connect();
    try {
      const rows = async () =>
        (
          await client.query<Row>(`SELECT call_type, model, metadata->>'user_api_key_alias' AS alias, mcp_namespaced_tool_name AS tool,
            metadata->'mcp_tool_call_metadata'->'arguments' AS args FROM "LiteLLM_SpendLogs"`)
        ).rows;
      const row = await eventually("a row of the call", SPEND_LOGS_WITHIN_S, async () => (await rows()).find(({ args }) => args?.timezone === timezone));
      assert.deepEqual({ ...row, model: undefined }, { call_type: "call_mcp_tool", model: undefined, alias: "claude-code", tool: "time/get_current_time", args: { timezone } });
      const tools = new Set((await rows()).flatMap(({ tool }) => tool ?? []));
      for (const called of ["postgres/execute_sql", "git/git_log", "everything/get-sum"]) assert.ok(tools.has(called), `no row of ${called} in ${[...tools].join(", ")}`);
      assert.ok((await rows()).some(({ call_type, alias }) => call_type === "acompletion" && alias === "limited"), "no row of the model call");
    } finally {
      await client.end();
    }
  });

  test("no secret is in plain text in state, previews, output, labels or logs", async () => {
    const { masterKey, clientKeys } = await workspace().outputs();
    const shown = JSON.parse(await workspace().exportState({ showSecrets: true })) as {
      deployment: { resources: { type: string; outputs?: { result?: { plaintext?: string } } }[] };
    };
    const passwords = shown.deployment.resources
      .filter(({ type }) => type === "random:index/randomPassword:RandomPassword")
      .map(({ outputs }) => JSON.parse(outputs!.result!.plaintext!) as string);
    assert.ok(passwords.length >= 6, `${passwords.length} generated secrets found`);
    const secrets = [...passwords, masterKey, ...Object.values(clientKeys)];
    const preview = await workspace().pulumi("preview", "--diff", "--show-sames");
    const containers = (await docker.listContainers()).filter(({ Names }) => Names[0]?.startsWith(`/${prefix}`));
    const places: Record<string, string> = {
      state: await workspace().exportState({ showSecrets: false }),
      preview: preview.output,
      "output of commands": workspace().printed,
      labels: JSON.stringify(containers.map(({ Labels }) => Labels)),
    };
    for (const { Names } of containers) places[`log of ${Names[0]}`] = await logsOf(Names[0]!.slice(1));
    for (const [place, text] of Object.entries(places)) for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in the ${place}`);
  });
}
