import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import pg from "pg";
import { auditFiles, auditLines, callsHeard, docker, logsOf, rawAuditLines } from "./docker.ts";
import { administer, callTool, eventually, listTools, withMcp } from "./gateway.ts";
import type { Workspace } from "./workspace.ts";

/** Spend rows are written every 7 to 13 seconds. */
const SPEND_LOGS_WITHIN_S = 40;

/** The models both end-to-end stacks declare: one that answers, one that asks for a tool. */
export const testModels = [
  {
    name: "mock",
    params: {
      model: "openai/mock",
      api_key: "none",
      mock_response: "MOCK-OK",
      input_cost_per_token: 0,
      output_cost_per_token: 0,
    },
  },
  {
    name: "mock-tool-caller",
    // A provider without a Responses API of its own, so that LiteLLM bridges to chat completions and runs MCP tools
    // itself.
    params: {
      model: "hosted_vllm/mock",
      api_base: "http://127.0.0.1:9/v1",
      input_cost_per_token: 0,
      output_cost_per_token: 0,
      mock_tool_calls: [
        {
          id: "call_1",
          type: "function",
          function: { name: "everything-echo", arguments: '{"message":"through the responses API"}' },
        },
      ],
    },
  },
];

export const testClients = {
  "test-key": {},
  "claude-code": {},
  limited: { servers: ["time"], models: ["mock", "mock-tool-caller"] },
  reader: {
    servers: ["git", "postgres"],
    models: ["mock"],
    tools: { git: { allow: ["git_log"] }, postgres: { deny: ["execute_sql"] } },
  },
};

interface Row {
  readonly call_type: string;
  readonly alias: string | null;
  readonly tool: string | null;
  readonly args: Record<string, unknown> | null;
  readonly model: string;
}

/** Routes of LiteLLM that no client of an MCP gateway needs; port 4000 has none of them, whichever key is sent. */
const CLOSED: readonly (readonly [method: "GET" | "POST", path: string, body?: unknown])[] = [
  ["POST", "/utils/transform_request", { call_type: "completion", request_body: { model: "mock", messages: [] } }],
  ["POST", "/utils/token_counter", { model: "mock", messages: [] }],
  ["POST", "/v1/files", {}],
  ["POST", "/v1/batches", {}],
  ["POST", "/v1/completions", { model: "mock", prompt: "hello" }],
  ["POST", "/engines/mock/chat/completions", { model: "mock", messages: [] }],
  ["POST", "/openai/v1/chat/completions", { model: "mock", messages: [] }],
  ["POST", "/chat/completions", { model: "mock", messages: [] }],
  ["POST", "/key/generate", {}],
  ["GET", "/key/info"],
  ["GET", "/key/list"],
  ["GET", "/model/info"],
  ["GET", "/spend/logs"],
  ["GET", "/v1/mcp/server"],
  ["GET", "/mcp-rest/tools/list"],
  ["POST", "/mcp-rest/tools/call", { name: "everything-echo", arguments: { message: "never to be heard" } }],
  ["POST", "/mcp-rest/test/connection", { server_name: "mine", url: "http://mcp-time:8000/sse", transport: "sse" }],
  ["POST", "/mcp-rest/test/tools/list", { server_name: "mine", url: "http://mcp-time:8000/sse", transport: "sse" }],
  ["POST", "/everything/mcp", { jsonrpc: "2.0", id: 1, method: "tools/list" }],
  ["GET", "/health/liveliness"],
  ["GET", "/health/readiness"],
  ["GET", "/routes"],
  ["GET", "/openapi.json"],
  ["GET", "/debug/asyncio-tasks"],
  ["GET", "/otel-spans"],
  ["GET", "/metrics"],
  ["GET", "/ui/"],
  ["GET", "/login"],
  ["GET", "/sso/key/generate"],
  ["GET", "/.well-known/oauth-protected-resource"],
  ["GET", "/.well-known/oauth-authorization-server"],
  ["GET", "/"],
];

/** A request that lets a model call the gateway's tools: one call, since the mock model would ask for ever. */
const throughModel = (more: Record<string, unknown> = {}) => ({
  model: "mock-tool-caller",
  input: "echo something",
  max_tool_calls: 1,
  tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
  ...more,
});

/** What clients on other machines see of a deployed gateway: the tests that both transports to Docker share. */
export function clientViewTests(
  workspace: () => Workspace,
  database: () => Promise<string>,
  { prefix, auditResults, adminPort }: { prefix: string; auditResults: boolean; adminPort: number },
): void {
  // Keys and addresses stay while these tests run; asking Pulumi takes a second.
  let known: ReturnType<Workspace["outputs"]> | undefined;
  const outputs = () => (known ??= workspace().outputs());
  const request = async (method: "GET" | "POST", path: string, key: string | undefined, body?: unknown) => {
    const { models } = await outputs();
    return fetch(`${models.replace(/\/v1$/, "")}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  };
  const post = (path: string, key: string | undefined, body: unknown) => request("POST", path, key, body);
  const errorOf = async (response: Response) =>
    ((await response.json()) as { error: { message: string } }).error.message;
  /** LiteLLM's own API, which is for whoever administers the host. */
  const administered = async (route: string, body: unknown) =>
    administer(adminPort, (await outputs()).masterKey, route, body);
  const callsOfEverything = () => callsHeard(`${prefix}mcp-everything`);
  const audited = () => auditLines(`${prefix}ingress`);
  const key = async (client: string) => (await outputs()).clientKeys[client]!;

  test("a client lists the tools of every server", async () => {
    const { gateway, clientKeys, tools } = await outputs();
    const expected = Object.entries(tools)
      .flatMap(([server, names]) => names.map((name) => `${server}-${name}`))
      .sort();
    assert.ok(expected.length > 20, `only ${expected.length} tools`);
    assert.deepEqual(await listTools(gateway, clientKeys["claude-code"]), expected);
  });

  test("a client lists what it may call, and nothing else, at each address", async () => {
    const { gateway, clientKeys, tools } = await outputs();
    const { limited, reader } = clientKeys;
    const time = ["time-convert_time", "time-get_current_time"];
    assert.deepEqual(await listTools(gateway, limited), time);
    const ofReader = [
      "git-git_log",
      ...tools["postgres"]!.filter((tool) => tool !== "execute_sql").map((tool) => `postgres-${tool}`),
    ].sort();
    assert.deepEqual(await listTools(gateway, reader), ofReader);
    assert.deepEqual(await listTools(`${gateway}git`, reader), ["git-git_log"]);
    assert.deepEqual(await listTools(`${gateway}git,postgres`, reader), ofReader);
    assert.deepEqual(await listTools(`${gateway}time`, clientKeys["test-key"]), time);
    // Without the slash, and no redirect that a client would have to follow with its key.
    assert.deepEqual(await listTools(gateway.replace(/\/$/, ""), limited), time);
    const initialize = { jsonrpc: "2.0", id: 1, method: "ping" };
    assert.equal((await post("/mcp", limited, initialize)).status, 200);
    const nosuch = await post("/mcp/nosuch", limited, initialize);
    assert.equal(nosuch.status, 404);
    assert.equal(await errorOf(nosuch), 'there is no MCP server and no group "nosuch"');
    const foreign = await post("/mcp/everything", limited, initialize);
    assert.equal(foreign.status, 403);
    assert.equal(await errorOf(foreign), "this key may not use server everything");
  });

  test("a client calls tools over all three paths: native sse, wrapped sse, wrapped http", async () => {
    const { gateway } = await outputs();
    const client = await key("claude-code");
    assert.match(
      await callTool(gateway, client, "postgres-execute_sql", { sql: "SELECT current_user AS me, 6 * 7 AS answer" }),
      /mcp_readonly.*42/s,
    );
    assert.match(
      await callTool(gateway, client, "time-convert_time", {
        source_timezone: "UTC",
        time: "12:00",
        target_timezone: "Asia/Tokyo",
      }),
      /21:00/,
    );
    assert.match(
      await callTool(gateway, client, "clock-convert_time", {
        source_timezone: "UTC",
        time: "12:00",
        target_timezone: "Asia/Tokyo",
      }),
      /21:00/,
    );
    assert.match(
      await callTool(gateway, client, "git-git_log", { repo_path: "/opt/example", max_count: 1 }),
      /An example/,
    );
    assert.match(await callTool(gateway, client, "everything-get-sum", { a: 20, b: 22 }), /42/);
    assert.match(await callTool(`${gateway}everything`, client, "everything-get-sum", { a: 20, b: 23 }), /43/);
  });

  test("the Postgres MCP server cannot write, whatever it is told", async () => {
    const { gateway } = await outputs();
    const answer = await callTool(gateway, await key("test-key"), "postgres-execute_sql", {
      sql: "CREATE TABLE forbidden (id int)",
    });
    assert.match(answer, /Error|not allowed|read-only|permission denied/i);
    const client = new pg.Client({ connectionString: (await database()).replace(/\/litellm_db$/, "/mcp_db") });
    await client.connect();
    const { rows } = await client.query("SELECT to_regclass('public.forbidden') AS found");
    await client.end();
    assert.equal(rows[0].found, null);
  });

  test("a client with a wrong key or none is told so at once, and is not sent to an OAuth server", async () => {
    const body = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    for (const [method, path, sent] of [
      ["POST", "/mcp/", { jsonrpc: "2.0", id: 1, method: "initialize" }],
      ["POST", "/mcp/time", { jsonrpc: "2.0", id: 1, method: "tools/list" }],
      ["GET", "/mcp/", undefined],
      ["GET", "/v1/models", undefined],
      ["POST", "/v1/chat/completions", body],
      ["POST", "/v1/messages", { ...body, max_tokens: 16 }],
    ] as const)
      for (const [stranger, text] of [
        ["sk-wrong", /^wrong key: this gateway has no client with it/],
        [undefined, /^no key: send the header Authorization: Bearer/],
      ] as const) {
        const asked = Date.now();
        const response = await request(method, path, stranger, sent);
        assert.equal(response.status, 401, `${method} ${path}`);
        assert.match(await errorOf(response), text);
        // With it MCP clients would begin to look for an OAuth server.
        assert.equal(response.headers.get("www-authenticate"), null);
        assert.ok(Date.now() - asked < 2_000, `${method} ${path}: ${Date.now() - asked} ms`);
      }
    const { gateway } = await outputs();
    await assert.rejects(listTools(gateway, "sk-wrong"), /wrong key/);
    await assert.rejects(listTools(gateway, undefined), /no key/);
  });

  test("anybody is told whether the gateway works, and nothing else", async () => {
    const health = await request("GET", "/health", undefined);
    assert.equal(health.status, 200);
    const { rights, ...states } = (await health.json()) as Record<string, unknown>;
    assert.deepEqual(states, { ingress: "ok", litellm: "ok" });
    assert.match(String(rights), /^[0-9a-f]{16}$/);
  });

  test("the mock model answers, whole and streamed; a model that is not the client's is refused", async () => {
    const body = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    const whole = (await (await post("/v1/chat/completions", await key("limited"), body)).json()) as {
      choices: { message: { content: string } }[];
    };
    assert.equal(whole.choices[0]?.message.content, "MOCK-OK");
    const stream = await (await post("/v1/chat/completions", await key("limited"), { ...body, stream: true })).text();
    const chunks = stream
      .split("\n")
      .flatMap((line) =>
        line.startsWith("data: {") ? [JSON.parse(line.slice("data: ".length)).choices[0]?.delta.content ?? ""] : [],
      );
    assert.ok(chunks.length > 1, `one chunk: ${stream}`);
    assert.equal(chunks.join(""), "MOCK-OK");
    const foreign = await post("/v1/chat/completions", await key("reader"), { ...body, model: "mock-tool-caller" });
    assert.equal(foreign.status, 403);
    assert.equal(await errorOf(foreign), "client reader may not use model mock-tool-caller; it has mock");
  });

  test("a client's key opens the routes that clients use", async () => {
    const client = await key("test-key");
    const chat = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    assert.match(await (await request("GET", "/v1/models", client)).text(), /"mock"/);
    assert.match(await (await post("/v1/chat/completions", client, chat)).text(), /MOCK-OK/);
    assert.match(await (await post("/v1/responses", client, { model: "mock", input: "hello" })).text(), /MOCK-OK/);
    assert.match(await (await post("/v1/messages", client, { ...chat, max_tokens: 16 })).text(), /MOCK-OK/);
  });

  test("routes that clients do not need do not exist, for anybody", async () => {
    const { masterKey } = await outputs();
    const heard = await callsOfEverything();
    for (const [method, path, body] of CLOSED)
      for (const who of [await key("test-key"), await key("limited"), masterKey, "sk-not-a-key", undefined]) {
        const response = await request(method, path, who, body);
        assert.equal(response.status, 404, `${method} ${path} answered ${response.status} ${await response.text()}`);
      }
    assert.equal(await callsOfEverything(), heard, "the server was reached");
  });

  test("parameters that the API does not have are refused by name, and nothing internal to the gateway is shown", async () => {
    const { masterKey } = await outputs();
    const client = await key("test-key");
    const chat = { model: "mock", messages: [{ role: "user", content: "hello" }] };
    for (const [path, good, evil] of [
      ["/v1/responses", { model: "mock", input: "x" }, { mock_response: "os.environ/LITELLM_MASTER_KEY" }],
      ["/v1/responses", { model: "mock", input: "x" }, { fallbacks: [{ model: "mock-tool-caller" }] }],
      ["/v1/chat/completions", chat, { api_base: "http://mcp-time:8000/", api_key: "x" }],
      ["/v1/chat/completions", chat, { user: "os.environ/LITELLM_MASTER_KEY" }],
      ["/v1/chat/completions", chat, { metadata: { tags: ["x"] } }],
      ["/v1/messages", { ...chat, max_tokens: 16 }, { mock_response: "os.environ/DATABASE_URL" }],
    ] as const) {
      assert.equal((await post(path, client, good)).status, 200, path);
      const response = await post(path, client, { ...good, ...evil });
      const text = await response.text();
      assert.equal(response.status, 400, `${path} with ${JSON.stringify(evil)} answered ${text}`);
      assert.ok(text.includes(Object.keys(evil)[0]!), text);
      assert.ok(!text.includes(masterKey), "the master key is in the answer");
    }
  });

  test("/v1/responses with type mcp and require_approval never really runs the tool", async () => {
    const requestsBefore = await callsOfEverything();
    const response = await post("/v1/responses", await key("test-key"), throughModel());
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.match(text, /Echo: through the responses API/);
    assert.equal(await callsOfEverything(), requestsBefore + 1, "the server was not called once");
    const lines = (await audited()).filter(({ route }) => route === "/v1/responses");
    const [{ client, server, tool, arguments: args, outcome }] = lines as [(typeof lines)[number]];
    assert.deepEqual(
      { client, server, tool, args, outcome },
      {
        client: "test-key",
        server: "everything",
        tool: "echo",
        args: { message: "through the responses API" },
        outcome: "answered",
      },
    );
    assert.equal(lines.length, 1);
  });

  test("a model may call what its client may call; a request whose calls cannot be recorded is refused", async () => {
    const heard = await callsOfEverything();
    const lines = (await audited()).length;
    // `limited` is not offered the tool that the model asks for, so nobody makes the call.
    const response = await post("/v1/responses", await key("limited"), throughModel());
    const text = await response.text();
    assert.equal(response.status, 200, text);
    assert.doesNotMatch(text, /Echo: |mcp_call/);
    for (const [path, body, message] of [
      ["/v1/responses", throughModel({ stream: true }), /tools of type mcp are run without stream only/],
      [
        "/v1/chat/completions",
        { model: "mock-tool-caller", messages: [{ role: "user", content: "echo" }], tools: throughModel().tools },
        /tools/,
      ],
    ] as const) {
      const refused = await post(path, await key("test-key"), body);
      assert.equal(refused.status, 400, path);
      assert.match(await errorOf(refused), message);
    }
    assert.equal(await callsOfEverything(), heard, "the server was reached");
    assert.equal((await audited()).length, lines, "an audit line of a call that nobody made");
  });

  test("a call to a server that is not the client's is refused, and does not reach the server", async () => {
    const { gateway } = await outputs();
    const limited = await key("limited");
    const heard = await callsOfEverything();
    const message = { message: "never to be heard" };
    const refused = await withMcp(gateway, limited, (client) =>
      client.callTool({ name: "everything-echo", arguments: message }),
    );
    assert.deepEqual(refused, {
      content: [{ type: "text", text: "Error: this key may not use server everything" }],
      isError: true,
    });
    // A tool has one name.
    for (const name of ["echo", "everything_echo", "Everything-echo", "my everything-echo"])
      assert.match(await callTool(gateway, limited, name, message), new RegExp(`there is no tool ${name}`));
    await assert.rejects(
      callTool(`${gateway}everything`, limited, "everything-echo", message),
      /may not use server everything/,
    );
    assert.match(
      await callTool(`${gateway}time`, await key("test-key"), "everything-echo", message),
      /server everything is not offered at this address/,
    );
    assert.equal(await callsOfEverything(), heard, "the server was reached");
  });

  test("tools are allowed and denied one by one", async () => {
    const { gateway } = await outputs();
    const reader = await key("reader");
    assert.match(
      await callTool(gateway, reader, "git-git_log", { repo_path: "/opt/example", max_count: 1 }),
      /An example/,
    );
    assert.match(
      await callTool(gateway, reader, "git-git_status", { repo_path: "/opt/example" }),
      /may not call git_status of server git/,
    );
    assert.match(await callTool(gateway, reader, "postgres-list_schemas"), /public/);
    assert.match(
      await callTool(gateway, reader, "postgres-execute_sql", { sql: "SELECT 1" }),
      /may not call execute_sql of server postgres/,
    );
  });

  test("a key that this program did not make opens nothing, and neither does the master key", async () => {
    const { masterKey } = await outputs();
    const made = (await administered("/key/generate", {
      key_alias: "stranger",
      object_permission: { mcp_access_groups: ["time"] },
    })) as { key: string };
    try {
      for (const stranger of [made.key, masterKey])
        for (const [method, path, body] of [
          [
            "POST",
            "/mcp/",
            {
              jsonrpc: "2.0",
              id: 1,
              method: "tools/call",
              params: { name: "time-get_current_time", arguments: { timezone: "UTC" } },
            },
          ],
          ["POST", "/mcp/time", { jsonrpc: "2.0", id: 1, method: "tools/list" }],
          ["POST", "/v1/responses", throughModel()],
          ["POST", "/v1/chat/completions", { model: "mock", messages: [{ role: "user", content: "hello" }] }],
          ["GET", "/v1/models", undefined],
        ] as const) {
          const response = await request(method, path, stranger, body);
          assert.equal(response.status, 401, `${method} ${path}`);
          assert.match(await errorOf(response), /^wrong key/);
        }
    } finally {
      await administered("/key/delete", { keys: [made.key] });
    }
  });

  test("each call has one audit line before it and one after it; a refused call has one line", async () => {
    const { gateway } = await outputs();
    const timezone = "Pacific/Chatham";
    await callTool(gateway, await key("claude-code"), "time-get_current_time", { timezone });
    await callTool(gateway, await key("reader"), "time-get_current_time", { timezone });
    const lines = await eventually("both audit lines", 20, async () => {
      const found = (await audited()).filter((line) => JSON.stringify(line.arguments) === JSON.stringify({ timezone }));
      return found.length >= 2 && found;
    });
    const shown = lines.map(({ client, server, tool, arguments: args, route, outcome, reason }) => ({
      client,
      server,
      tool,
      args,
      route,
      outcome,
      reason,
    }));
    const call = { server: "time", tool: "get_current_time", args: { timezone }, route: "/mcp/" };
    assert.deepEqual(
      shown.sort((a, b) => a.client.localeCompare(b.client)),
      [
        { client: "claude-code", ...call, outcome: "answered", reason: undefined },
        { client: "reader", ...call, outcome: "refused", reason: "this key may not use server time" },
      ],
    );
    const answered = lines.find(({ outcome }) => outcome === "answered")!;
    assert.equal(typeof answered.milliseconds, "number");
    assert.match(answered.address, /^\d+\.\d+\.\d+\.\d+$/);
    assert.equal(answered.result !== undefined, auditResults);
    if (auditResults) assert.match(JSON.stringify(answered.result), /Pacific\/Chatham/);
  });

  test("the line of a call is there while the call runs, its outcome when it has ended", async () => {
    const { gateway } = await outputs();
    const steps = 7;
    const ofTheCall = async () =>
      (await rawAuditLines(`${prefix}ingress`)).filter((line) => line["tool"] === "trigger-long-running-operation");
    const running = callTool(gateway, await key("claude-code"), "everything-trigger-long-running-operation", {
      duration: 4,
      steps,
    });
    const [begun] = await eventually("the line before", 3, async () => {
      const found = await ofTheCall();
      return found.length > 0 && found;
    });
    assert.deepEqual(
      [begun!["audit"], begun!["client"], begun!["arguments"]],
      ["call", "claude-code", { duration: 4, steps }],
    );
    assert.equal((await ofTheCall()).length, 1, "an outcome before there is one");
    assert.match(await running, /completed/);
    const after = await ofTheCall();
    assert.deepEqual(
      after.map(({ audit, id }) => [audit, id]),
      [
        ["call", begun!["id"]],
        ["outcome", begun!["id"]],
      ],
    );
    assert.ok((after[1]!["milliseconds"] as number) >= 4_000, JSON.stringify(after[1]));
  });

  test("a long argument is cut in the audit, with its length and hash", async () => {
    const { gateway } = await outputs();
    const message = `the beginning ${"x".repeat(10_000)} the end`;
    assert.ok((await callTool(gateway, await key("claude-code"), "everything-echo", { message })).endsWith(" the end"));
    const line = (await audited()).find((one) => JSON.stringify(one.arguments).includes("the beginning"))!;
    const { cut, bytes, sha256 } = line.arguments as { cut: string; bytes: number; sha256: string };
    const whole = JSON.stringify({ message });
    assert.deepEqual(
      { cut, bytes, sha256 },
      { cut: whole.slice(0, 4_096), bytes: whole.length, sha256: createHash("sha256").update(whole).digest("hex") },
    );
  });

  test("every call has a row in LiteLLM_SpendLogs, with client, tool and arguments; a refused one has none", async () => {
    const { gateway } = await outputs();
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
      const row = await eventually("a row of the call", SPEND_LOGS_WITHIN_S, async () =>
        (await rows()).find(({ args }) => args?.timezone === timezone),
      );
      assert.deepEqual(
        { ...row, model: undefined },
        {
          call_type: "call_mcp_tool",
          model: undefined,
          alias: "claude-code",
          tool: "time/get_current_time",
          args: { timezone },
        },
      );
      const all = await rows();
      const tools = new Set(all.flatMap(({ tool }) => tool ?? []));
      for (const called of ["postgres/execute_sql", "git/git_log", "everything/get-sum"])
        assert.ok(tools.has(called), `no row of ${called} in ${[...tools].join(", ")}`);
      assert.ok(
        all.some(({ call_type, alias }) => call_type === "acompletion" && alias === "limited"),
        "no row of the model call",
      );
      assert.deepEqual(
        all.filter(
          ({ tool, alias }) =>
            tool !== null && ((alias === "limited" && !tool.startsWith("time/")) || tool === "git/git_status"),
        ),
        [],
      );
      // LiteLLM writes a row for every wrong key that it sees.
      assert.deepEqual(
        all.filter(({ alias }) => !Object.hasOwn(testClients, alias ?? "")),
        [],
      );
    } finally {
      await client.end();
    }
  });

  test("no secret is in plain text in state, previews, output, labels, logs or audit files", async () => {
    const { masterKey, clientKeys } = await outputs();
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
    const audit = await auditFiles(`${prefix}ingress`);
    const places: Record<string, string> = {
      state: await workspace().exportState({ showSecrets: false }),
      preview: preview.output,
      "output of commands": workspace().printed,
      labels: JSON.stringify(containers.map(({ Labels }) => Labels)),
      "audit files": audit,
    };
    for (const { Names } of containers) places[`log of ${Names[0]}`] = await logsOf(Names[0]!.slice(1));
    for (const searched of ["audit files", `log of /${prefix}ingress`, `log of /${prefix}litellm`])
      assert.ok(places[searched], `nothing to search in the ${searched}`);
    for (const [place, text] of Object.entries(places))
      for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in the ${place}`);
  });
}
