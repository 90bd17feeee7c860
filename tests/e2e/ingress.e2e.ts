import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import http from "node:http";
import path from "node:path";
import { after, before, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { execa } from "execa";
import OpenAI from "openai";
import { bridgeAddress, callsHeard, docker, logsOf, python, removeLeftovers } from "./docker.ts";
import { callTool, eventually, listTools } from "./gateway.ts";
import { attempts, inParallel, send } from "./hostile.ts";
import { canaryAddress, type Provider, provider, SAID } from "./provider.ts";
import { MATRIX_VERSION, matrixImages } from "../matrix/images.ts";
import { memoryOf, restarts, traffic, type TrafficStack } from "./traffic.ts";
import { Workspace } from "./workspace.ts";

// The ingress as clients and strangers meet it: what must fail fails, LiteLLM is not asked, and no resource runs out.
const PREFIX = "e2e-ingress-";
const PORT = 30300;
const BASE = `http://127.0.0.1:${PORT}`;
const ADMIN = `http://127.0.0.1:${PORT + 1}`;
const SERVERS = ["everything", "git", "memory", "time"];
const CANARY = `canary-${randomBytes(16).toString("hex")}`;
const MIB = 2 ** 20;
const TRAFFIC_CLIENTS = [
  "traffic-1",
  "traffic-2",
  "traffic-3",
  "traffic-4",
  "traffic-5",
  "traffic-6",
  "traffic-7",
  "traffic-8",
];

/** LiteLLM of the version that the command names; otherwise the default. */
const image = process.env[MATRIX_VERSION] ? matrixImages()[0] : undefined;

let workspace: Workspace;
let canary: Provider;
let upstream: Provider;
/** Its model calls a tool. */
let toolCaller: Provider;
let keys: Record<string, string>;
let masterKey: string;
/** Secrets, which must be in no answer. */
let secrets: string[];

before(async () => {
  await removeLeftovers(PREFIX);
  const bridge = await bridgeAddress();
  [canary, upstream, toolCaller] = await Promise.all([
    canaryAddress(bridge),
    provider(bridge),
    provider(bridge, { name: "everything-echo", arguments: { message: "by the model" } }),
  ]);
  const free = { input_cost_per_token: 0, output_cost_per_token: 0 };
  const mock = { model: "openai/mock", mock_response: "MOCK-OK" };
  workspace = await Workspace.create("ingress", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT, ...(image && { image }) },
    "litellm-mcp:postgres": { kind: "dedicated", port: 30732 },
    "litellm-mcp:servers": { everything: { enabled: true } },
    "litellm-mcp:models": [
      { name: "mock", params: { ...mock, ...free }, secrets: { api_key: "canary" } },
      { name: "paid", params: { ...mock, api_key: "none", input_cost_per_token: 1, output_cost_per_token: 1 } },
      {
        name: "provider",
        params: { model: "openai/m", api_base: `${upstream.url}/v1`, ...free },
        secrets: { api_key: "canary" },
      },
      // LiteLLM asks the first for responses, and the second for chat completions, which it makes responses of.
      ...["openai", "hosted_vllm"].map((api) => ({
        name: `caller-${api}`,
        params: { model: `${api}/m`, api_base: `${toolCaller.url}/v1`, api_key: "none", ...free },
      })),
    ],
    "litellm-mcp:clients": {
      "test-key": { models: ["mock", "provider", "caller-openai", "caller-hosted_vllm"] },
      narrow: { servers: ["time"], models: ["mock", "provider"] },
      slow: { servers: ["time"], models: ["mock"], rpm: 5 },
      poor: { servers: ["time"], models: ["paid"], budget: 0.001 },
      ...Object.fromEntries(TRAFFIC_CLIENTS.map((name) => [name, { servers: ["time", "memory"], models: ["mock"] }])),
    },
  });
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  assert.equal((await workspace.run("pulumi", ["stack", "init", "ingress"])).exitCode, 0);
  assert.equal(
    (await workspace.pulumi("config", "set", "--secret", "--path", "litellm-mcp:secrets.canary", CANARY)).exitCode,
    0,
  );
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys, masterKey } = await workspace.outputs());
  const { Config } = await docker.getContainer(`${PREFIX}litellm`).inspect();
  const variable = (name: string) => Config.Env.find((each) => each.startsWith(`${name}=`))!.slice(name.length + 1);
  secrets = [
    CANARY,
    masterKey,
    variable("LITELLM_SALT_KEY"),
    variable("DATABASE_URL"),
    new URL(variable("DATABASE_URL")).password,
  ];
});

after(async () => {
  await workspace.end();
  await Promise.all([canary.close(), upstream.close(), toolCaller.close()]);
  await removeLeftovers(PREFIX);
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}
async function ask(
  method: string,
  where: string,
  key?: string,
  body?: unknown,
  more: Record<string, string> = {},
  base = BASE,
): Promise<Answer> {
  const answer = await fetch(`${base}${where}`, {
    method,
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      ...(key && { authorization: `Bearer ${key}` }),
      ...more,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    signal: AbortSignal.timeout(150_000),
  });
  const text = await answer.text();
  noSecret(text);
  return { status: answer.status, text, headers: answer.headers };
}
function noSecret(text: string, where = text.slice(0, 500)): void {
  for (const secret of secrets)
    assert.ok(!text.includes(secret), `a secret is in ${where.replaceAll(secret, "(the secret)")}`);
}
const rpc = (method: string, params?: unknown) => ({
  jsonrpc: "2.0",
  id: 1,
  method,
  ...(params !== undefined && { params }),
});
const call = (name: string, args: unknown = {}) => rpc("tools/call", { name, arguments: args });
const now = call("time-get_current_time", { timezone: "UTC" });
const hello = [{ role: "user", content: "hello" }];

/** Lines of the audit's files. */
async function audited(kind: "calls" | "refused"): Promise<Record<string, any>[]> {
  const { stdout } = await execa("docker", [
    "exec",
    `${PREFIX}ingress`,
    "sh",
    "-c",
    `cat /var/lib/ingress-audit/${kind}-*.jsonl 2>/dev/null || true`,
  ]);
  return stdout
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, any>);
}
const callsOfEverything = () => callsHeard(`${PREFIX}mcp-everything`);
/** How many packets LiteLLM received on the networks that it shares with the ingress. */
async function packets(): Promise<number> {
  const { NetworkSettings } = await docker.getContainer(`${PREFIX}litellm`).inspect();
  const macs = Object.entries(NetworkSettings.Networks)
    .filter(([name]) => /(ingress|lan)-net$/.test(name))
    .map(([, { MacAddress }]) => MacAddress);
  assert.equal(macs.length, 2);
  const { stdout } = await execa("docker", [
    "exec",
    `${PREFIX}litellm`,
    "sh",
    "-c",
    `cd /sys/class/net; for each in *; do if grep -qiE '${macs.join("|")}' $each/address; then cat $each/statistics/rx_packets; fi; done`,
  ]);
  return stdout.split("\n").reduce((sum, count) => sum + Number(count), 0);
}
/** Runs `work` and asserts that no request reached LiteLLM; the few packets allowed are ARP's. */
async function unheard(work: () => Promise<void>): Promise<void> {
  // Idle connections between the two are closed after two seconds; those packets must not count.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  const before = await packets();
  await work();
  const heard = (await packets()) - before;
  assert.ok(heard < 10, `LiteLLM got ${heard} packets`);
}
const healthy = (seconds: number) =>
  eventually("the gateway is healthy", seconds, async () => (await fetch(`${BASE}/health`)).status === 200);

test("row 1: names of secrets are refused wherever LiteLLM would read the secret, and allowed in the text of a message", async () => {
  const names = [
    "os.environ/LITELLM_MASTER_KEY",
    "os.environ/DATABASE_URL",
    "os.environ/oidc/file//proc/self/environ",
    "oidc/file//proc/self/environ",
  ];
  for (const name of names)
    for (const [route, body] of [
      ["/v1/responses", { model: "mock", input: "x" }],
      ["/v1/chat/completions", { model: "mock", messages: hello }],
      ["/v1/messages", { model: "mock", max_tokens: 5, messages: hello }],
    ] as const)
      for (const parameter of ["mock_response", "user", "api_key"]) {
        const { status, text } = await ask("POST", route, keys["test-key"], { ...body, [parameter]: name });
        assert.equal(status, 400, `${route} ${parameter}: ${text}`);
        assert.ok(text.includes(parameter), text);
      }
  for (const name of names) {
    upstream.heard.length = 0;
    for (const [route, body] of [
      ["/v1/responses", { input: name }],
      ["/v1/chat/completions", { messages: [{ role: "user", content: name }] }],
      ["/v1/messages", { max_tokens: 5, system: name, messages: [{ role: "user", content: name }] }],
      ["/v1/embeddings", { input: name }],
    ] as const) {
      const { status, text } = await ask("POST", route, keys["test-key"], { model: "provider", ...body });
      assert.equal(status, 200, `${route}: ${text}`);
    }
    assert.equal(upstream.heard.length, 4);
    for (const { body } of upstream.heard) {
      noSecret(body);
      assert.ok(body.includes(name), body);
    }
  }
});

test("row 2: fallbacks that a client writes call no tool", async () => {
  const before = await callsOfEverything();
  await callTool(`${BASE}/mcp/`, keys["test-key"]!, "everything-echo", { message: "heard" });
  const heard = await callsOfEverything();
  // What this test and others rely on.
  assert.equal(heard, before + 1);
  const fallback = {
    model: "mock",
    custom_llm_provider: "ollama",
    mock_tool_calls: [{ id: "c", type: "function", function: { name: "everything-echo", arguments: "{}" } }],
    tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
  };
  for (const route of ["/v1/responses", "/v1/chat/completions"]) {
    const body = route === "/v1/responses" ? { model: "mock", input: "x" } : { model: "mock", messages: hello };
    for (const more of [
      { fallbacks: [fallback], mock_testing_fallbacks: true },
      { mock_tool_calls: fallback.mock_tool_calls },
      { context_window_fallbacks: [fallback] },
    ]) {
      const { status, text } = await ask("POST", route, keys["narrow"], { ...body, ...more });
      assert.equal(status, 400);
      for (const name of Object.keys(more)) assert.ok(text.includes(name), text);
    }
  }
  const mcp = { type: "mcp", server_label: "x", server_url: "litellm_proxy/mcp/everything", require_approval: "never" };
  assert.equal(
    (await ask("POST", "/v1/responses", keys["narrow"], { model: "mock", input: "x", tools: [mcp] })).status,
    403,
  );
  assert.equal(
    (
      await ask("POST", "/v1/responses", keys["test-key"], {
        model: "mock",
        input: "x",
        tools: [
          { type: "function", name: "a", parameters: { tools: [mcp] } },
          { type: "namespace", name: "n", tools: [mcp] },
        ],
      })
    ).status,
    400,
  );
  assert.equal(await callsOfEverything(), heard);
});

test("row 3: nobody can make LiteLLM connect to an address of their choice", async () => {
  // What the test relies on: LiteLLM's container could.
  await python(`${PREFIX}litellm`, `import urllib.request; urllib.request.urlopen("${canary.url}", timeout=5).read()`);
  assert.equal(canary.heard.length, 1);
  canary.heard.length = 0;
  const address = { api_key: "os.environ/LITELLM_MASTER_KEY", api_base: canary.url };
  for (const more of [
    address,
    { base_url: canary.url },
    { extra_body: address },
    { fallbacks: [{ model: "mock", ...address }] },
    { litellm_params: address },
  ])
    for (const route of ["/v1/chat/completions", "/v1/responses"]) {
      const { status, text } = await ask("POST", route, keys["test-key"], {
        model: "provider",
        ...(route === "/v1/responses" ? { input: "x" } : { messages: hello }),
        ...more,
      });
      assert.equal(status, 400, text);
    }
  // In a client's marks such names are words like any others: LiteLLM does not get them.
  upstream.heard.length = 0;
  for (const [route, body] of [
    ["/v1/chat/completions", { messages: hello }],
    ["/v1/responses", { input: "x" }],
  ] as const) {
    const metadata = { ...address, user_api_key_team_id: "a", tags: "b" };
    const { status, text } = await ask("POST", route, keys["test-key"], { model: "provider", ...body, metadata });
    assert.equal(status, 200, `${route}: ${text}`);
  }
  assert.equal(upstream.heard.length, 2);
  for (const { body } of upstream.heard) assert.doesNotMatch(body, /LITELLM_MASTER_KEY|user_api_key_team_id/);
  const parts = [
    { type: "image_url", image_url: { url: `${canary.url}/a.png` } },
    { type: "file", file: { file_id: `${canary.url}/a.pdf` } },
    { type: "file", file: { file_data: `${canary.url}/a.pdf` } },
  ];
  for (const part of parts)
    assert.equal(
      (
        await ask("POST", "/v1/chat/completions", keys["test-key"], {
          model: "provider",
          messages: [{ role: "user", content: [part] }],
        })
      ).status,
      400,
    );
  assert.deepEqual(canary.heard, []);
});

test("rows 4 and 13: routes that answered anybody, or that blocked everybody, do not exist", async () => {
  const others = [
    "/debug/asyncio-tasks",
    "/otel-spans",
    "/routes",
    "/openapi.json",
    "/redoc",
    "/ui/",
    "/test",
    "/sso/key/generate",
    "/sso/debug/login",
    "/login",
    "/fallback/login",
    "/get_image",
    "/public/model_hub",
    "/mcp/../routes",
    "/health/readiness",
    "/health/liveliness",
    "/metrics",
    "/litellm/hold",
    "/utils/transform_request",
  ];
  await unheard(async () => {
    for (const where of others)
      for (const key of [undefined, "sk-wrong", keys["test-key"], masterKey])
        for (const method of ["GET", "POST", "OPTIONS"]) {
          const { status, headers } = await ask(
            method,
            where,
            key,
            method === "POST" ? { call_type: "completion", request_body: { api_base: canary.url } } : undefined,
            { origin: "http://evil.example" },
          );
          assert.equal(status, 404, `${method} ${where}`);
          assert.equal(headers.get("access-control-allow-origin"), null);
        }
    const { text } = await ask("GET", "/health");
    assert.deepEqual(Object.keys(JSON.parse(text) as object).sort(), ["ingress", "litellm", "rights"]);
  });
  // Unknown keys are answered at once, write nothing to LiteLLM's log, and are told to wait after a while.
  const logged = (await logsOf(`${PREFIX}litellm`)).length;
  const statuses = new Set<number>();
  await inParallel(
    Array.from({ length: 300 }),
    8,
    async () => void statuses.add((await ask("POST", "/mcp/", "sk-unknown", rpc("tools/list"))).status),
  );
  assert.deepEqual([...statuses].sort(), [401, 429]);
  assert.ok((await logsOf(`${PREFIX}litellm`)).length - logged < 2_000);
  assert.equal((await ask("POST", "/mcp/", keys["test-key"], rpc("ping"))).status, 200);
});

/** Sends a body that is produced as it goes; what came back until the connection ended, and how much was taken. */
function upload(
  bytes: number,
  key: string | undefined,
  chunked: boolean,
): Promise<{ readonly status: number; readonly seconds: number }> {
  return new Promise((resolve, reject) => {
    const started = Date.now();
    const headers = {
      "content-type": "application/json",
      ...(key && { authorization: `Bearer ${key}` }),
      ...(chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(bytes) }),
    };
    const request = http.request(`${BASE}/v1/chat/completions`, { method: "POST", headers }, (response) => {
      response.resume();
      resolve({ status: response.statusCode!, seconds: (Date.now() - started) / 1000 });
      request.destroy();
    });
    request.on("error", (error) => reject(error));
    const piece = Buffer.alloc(MIB, "a");
    let sent = 0;
    const more = () => {
      while (sent < bytes && !request.destroyed) {
        sent += piece.length;
        if (!request.write(piece)) return void request.once("drain", more);
      }
    };
    more();
  });
}

test("row 5: a body of 150 MB is refused at once, with a key and without, and no container's memory grows", async () => {
  const before = [await memoryOf(`${PREFIX}ingress`), await memoryOf(`${PREFIX}litellm`)] as const;
  for (const chunked of [false, true]) {
    const strange = await upload(150 * MIB, undefined, chunked);
    assert.ok([401, 429].includes(strange.status), String(strange.status));
    const { status, seconds } = await upload(150 * MIB, keys["narrow"], chunked);
    assert.equal(status, 413);
    assert.ok(seconds < 5 && strange.seconds < 5, `${strange.seconds} s, ${seconds} s`);
  }
  const grown = [
    (await memoryOf(`${PREFIX}ingress`)) - before[0],
    (await memoryOf(`${PREFIX}litellm`)) - before[1],
  ].map((bytes) => Math.round(bytes / MIB));
  console.log(`150 MB bodies: ingress +${grown[0]} MiB, LiteLLM +${grown[1]} MiB`);
  assert.ok(grown[0]! < 80 && grown[1]! < 20, grown.join());
});

/** Tasks that LiteLLM's process has. */
async function tasks(): Promise<number> {
  const { status, text } = await ask("GET", "/debug/asyncio-tasks", masterKey, undefined, {}, ADMIN);
  assert.equal(status, 200, text);
  return (JSON.parse(text) as { total_active_tasks: number }).total_active_tasks;
}

test("row 6: a thousand initialize requests and a thousand lists leave nothing behind in LiteLLM", async () => {
  await listTools(`${BASE}/mcp/`, keys["test-key"]);
  const before = await tasks();
  const started = Date.now();
  await inParallel(Array.from({ length: 1_000 }).keys(), 8, async (at) => {
    const versions = ["2024-11-05", "2025-03-26", "2025-06-18", "1999-01-01"];
    assert.equal(
      (
        await ask(
          "POST",
          "/mcp/",
          keys["test-key"],
          rpc("initialize", {
            protocolVersion: versions[at % 4],
            capabilities: {},
            clientInfo: { name: "x", version: "1" },
          }),
        )
      ).status,
      200,
    );
    assert.equal((await ask("POST", "/mcp/", keys[at % 2 ? "narrow" : "test-key"], rpc("tools/list"))).status, 200);
  });
  const seconds = (Date.now() - started) / 1000;
  const more = (await tasks()) - before;
  console.log(`2,000 requests in ${seconds.toFixed(0)} s: LiteLLM's tasks ${before} and ${more} more`);
  // Three of each listing, one every five seconds at most, and of the first of each version of the protocol, for up to
  // eight at once.
  assert.ok(more <= 3 * (Math.ceil(seconds / 5) + 3 * 8), `${more} more tasks`);
});

test("row 7: tools that a model calls have the client's rights and exact audit lines; streamed, the request is refused with advice", async () => {
  for (const model of ["caller-openai", "caller-hosted_vllm"]) {
    const body = {
      model,
      input: "echo",
      tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
    };
    const streamed = await ask("POST", "/v1/responses", keys["test-key"], { ...body, stream: true });
    assert.equal(streamed.status, 400);
    assert.match(streamed.text, /leave stream out, or connect your client to \/mcp\//);
    const count = (await audited("calls")).length;
    toolCaller.heard.length = 0;
    const whole = await ask("POST", "/v1/responses", keys["test-key"], body);
    assert.equal(whole.status, 200, whole.text);
    const { output } = JSON.parse(whole.text) as { output: Record<string, any>[] };
    const [made, said] = [output.find(({ type }) => type === "mcp_call"), output.at(-1)];
    assert.deepEqual([made?.["name"], made?.["output"]], ["everything-echo", "Echo: by the model"]);
    assert.equal(said?.["content"][0].text, SAID.join(""));
    // The model hears what the tool answered.
    assert.deepEqual(
      toolCaller.heard.map(({ body: heard }) => heard.includes("Echo: by the model")),
      [false, true],
    );
    const lines = (await audited("calls")).slice(count);
    assert.deepEqual(
      lines.map(({ audit }) => audit),
      ["call", "outcome"],
    );
    const [called, outcome] = lines as [Record<string, any>, Record<string, any>];
    assert.deepEqual(
      [called["client"], called["server"], called["tool"], called["arguments"], called["route"]],
      ["test-key", "everything", "echo", { message: "by the model" }, "/v1/responses"],
    );
    assert.deepEqual([outcome["id"], outcome["outcome"]], [called["id"], "answered"]);
  }
});

test("rows 8 and 9: names must be exact, and the audit line names the server that was asked", async () => {
  assert.match(
    await callTool(`${BASE}/mcp/`, keys["test-key"]!, "memory-search_nodes", { query: "nothing" }),
    /entities/,
  );
  const line = (await audited("calls")).filter(({ audit }) => audit === "call").at(-1)!;
  assert.deepEqual([line["server"], line["tool"]], ["memory", "search_nodes"]);
  const heard = await callsOfEverything();
  for (const name of [
    "echo",
    "Everything-echo",
    "my everything-echo",
    "everything echo",
    "everything_echo",
    "everything-echo ",
    " everything-echo",
    "everything--echo",
    "everything\u2010echo",
    "time-everything-echo",
    "everything-Echo",
    "\ufeffeverything-echo",
  ])
    for (const key of [keys["test-key"], keys["narrow"]]) {
      const { text } = await ask("POST", "/mcp/", key, call(name, { message: "canary" }));
      assert.match(text, /"isError":true/, name);
    }
  assert.equal(await callsOfEverything(), heard);
});

test("row 10: a flood of refused calls is only counted, so that the history of calls stays", async () => {
  const before = await audited("calls");
  const refusedBefore = JSON.stringify(await audited("refused")).length;
  const large = call("everything-echo", { message: "x".repeat(500_000) });
  await inParallel(
    Array.from({ length: 200 }),
    8,
    async () => void (await ask("POST", "/mcp/", keys["narrow"], large)),
  );
  await inParallel(Array.from({ length: 1_000 }), 8, async () => void (await ask("POST", "/mcp/", "sk-nobody", now)));
  assert.deepEqual((await audited("calls")).slice(0, before.length), before);
  const written = JSON.stringify(await audited("refused")).length - refusedBefore;
  // Sixty lines of 256 bytes of arguments, for 100 MB that were sent.
  assert.ok(written < 60_000, `${written} bytes of refusals`);
  await eventually("the flood is a number", 90, async () =>
    (await audited("refused")).find(
      ({ audit, client, count }) => audit === "refusals" && client === "narrow" && (count as number) >= 130,
    ),
  );
  const logged = (await logsOf(`${PREFIX}ingress`)).length;
  assert.ok(logged < 200_000, `${logged} bytes of log`);
});

test("row 11: arguments nested 200 deep are refused at once; 50 deep are answered in seconds", async () => {
  const deep = (depth: number) =>
    JSON.stringify(call("everything-echo", { message: "deep", more: "HERE" })).replace(
      '"HERE"',
      `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`,
    );
  const started = Date.now();
  const refused = await ask("POST", "/mcp/", keys["test-key"], deep(200));
  assert.equal(refused.status, 400);
  assert.match(refused.text, /nested \d+ deep; at most 64/);
  assert.ok(Date.now() - started < 2_000);
  const again = Date.now();
  assert.equal((await ask("POST", "/mcp/", keys["test-key"], deep(50))).status, 200);
  console.log(`50 deep: ${Date.now() - again} ms`);
  assert.ok(Date.now() - again < 10_000, `${Date.now() - again} ms`);
});

test("row 12: budgets and limits hold on every address, and each has its own message", async () => {
  for (const [where, body] of [
    [
      "/mcp/time",
      rpc("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "x", version: "1" } }),
    ],
    ["/mcp/time", rpc("tools/list")],
    ["/mcp/", now],
  ] as const)
    await ask("POST", where, keys["slow"], body);
  const statuses: number[] = [];
  for (let at = 0; at < 5; at++)
    statuses.push((await ask("POST", "/mcp/time", keys["slow"], rpc("tools/list"))).status);
  assert.deepEqual(statuses.slice(-2), [429, 429]);
  const limited = await ask("POST", "/v1/chat/completions", keys["slow"], { model: "mock", messages: hello });
  assert.match(limited.text, /client slow may make 5 requests a minute/);

  assert.equal((await ask("POST", "/mcp/time", keys["poor"], now)).status, 200);
  assert.equal(
    (await ask("POST", "/v1/chat/completions", keys["poor"], { model: "paid", messages: hello })).status,
    200,
  );
  await eventually(
    "the budget is spent",
    60,
    async () => (await ask("POST", "/mcp/time", keys["poor"], now)).status === 402,
  );
  for (const where of ["/mcp/time", "/mcp/", "/mcp"]) {
    const { status, text } = await ask("POST", where, keys["poor"], now);
    assert.equal(status, 402);
    assert.match(text, /the budget of client poor is spent/);
  }
  assert.equal(
    (await ask("POST", "/engines/paid/chat/completions", keys["poor"], { model: "paid", messages: hello })).status,
    404,
  );
  assert.equal(
    (await ask("POST", "/v1/chat/completions", keys["poor"], { model: "paid", messages: hello })).status,
    402,
  );
});

test("of all routes of LiteLLM only those in the table answer, whoever asks, and no other request reaches LiteLLM", async () => {
  const made = JSON.parse(
    (await ask("POST", "/key/generate", masterKey, { key_alias: "by hand" }, {}, ADMIN)).text,
  ) as { key: string };
  const { routes: listed } = JSON.parse((await ask("GET", "/routes", masterKey, undefined, {}, ADMIN)).text) as {
    routes: { path: string; methods: string[] | null }[];
  };
  const { paths } = JSON.parse((await ask("GET", "/openapi.json", masterKey, undefined, {}, ADMIN)).text) as {
    paths: Record<string, object>;
  };
  const all = new Set<string>();
  for (const { path: where, methods } of listed)
    for (const method of methods ?? ["GET", "POST"]) all.add(`${method} ${where}`);
  for (const [where, methods] of Object.entries(paths))
    for (const method of Object.keys(methods)) all.add(`${method.toUpperCase()} ${where}`);
  const doors = [...all].map((door) => door.split(" ") as [string, string]);
  assert.ok(doors.length > 300, `${doors.length} routes`);
  const table = [
    /^\/health$/,
    /^\/mcp(\/[a-z0-9_,-]*\/?)?$/,
    /^\/v1\/(models|chat\/completions|responses|messages|messages\/count_tokens|embeddings)$/,
  ];
  const holders = {
    "no key": undefined,
    "a wrong key": "sk-wrong",
    narrow: keys["narrow"],
    full: keys["test-key"],
    "a key made by hand": made.key,
    "the master key": masterKey,
  };
  let asked = 0;
  await unheard(() =>
    inParallel(doors, 6, async ([method, template]) => {
      const filled = template.replace(/\{[^}]*\}/g, "x");
      const inTable = table.some((pattern) => pattern.test(filled));
      for (const where of inTable ? [filled] : [filled, `${filled.replace(/\/$/, "")}/`])
        for (const [who, key] of Object.entries(holders)) {
          const isClient = who === "narrow" || who === "full";
          if (inTable && isClient) continue;
          const { status } = await ask(
            method,
            where,
            key,
            ["GET", "HEAD", "OPTIONS"].includes(method) ? undefined : {},
          );
          asked += 1;
          const wanted = !inTable ? [404] : where === "/health" && method === "GET" ? [200] : [401, 404, 429];
          assert.ok(wanted.includes(status), `${method} ${where} with ${who}: ${status}`);
        }
    }),
  );
  console.log(`${doors.length} routes of LiteLLM, ${asked} requests`);
  await ask("POST", "/key/delete", masterKey, { keys: [made.key] }, {}, ADMIN);
  // The measurement works: a request that is let through does reach LiteLLM.
  const before = await packets();
  assert.equal((await ask("GET", "/v1/models", keys["narrow"])).status, 200);
  assert.ok((await packets()) - before >= 4);
});

test("2,000 generated hostile requests: no secret leaks, no address is reached, no tool is called", async () => {
  canary.heard.length = 0;
  upstream.heard.length = 0;
  const heard = await callsOfEverything();
  const generator = attempts(20261121, {
    variables: ["LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DATABASE_URL", "SECRET_canary"],
    address: canary.url,
    tool: "everything-echo",
    key: keys["narrow"]!,
    models: ["mock", "provider"],
  });
  const seen: Record<string, number> = {};
  const started = Date.now();
  await inParallel(
    Array.from({ length: 2_000 }, () => generator.next().value),
    8,
    async ({ kind, bytes }) => {
      const text = await send(bytes, { host: "127.0.0.1", port: PORT });
      const status = /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? "nothing";
      seen[status] = (seen[status] ?? 0) + 1;
      noSecret(text, `the answer to ${kind}: ${bytes.toString("latin1").slice(0, 600)}`);
      assert.ok(!/Echo: /.test(text), bytes.toString("latin1").slice(0, 600));
    },
  );
  console.log(`2,000 hostile requests in ${((Date.now() - started) / 1000).toFixed(0)} s:`, seen);
  assert.deepEqual(canary.heard, []);
  assert.equal(await callsOfEverything(), heard);
  for (const { body, path: where } of upstream.heard) noSecret(body, `what the provider heard at ${where}`);
  assert.deepEqual(
    (await audited("calls")).filter(({ client, server }) => client === "narrow" && server !== "time"),
    [],
  );
  assert.ok(!seen["500"] && !seen["502"], JSON.stringify(seen));
  await healthy(5);
  assert.match(await callTool(`${BASE}/mcp/`, keys["narrow"]!, "time-get_current_time", { timezone: "UTC" }), /UTC/);
});

test("OpenAI's SDK works with its base URL alone changed: chat, responses, embeddings, models, streamed and not", async () => {
  const openai = new OpenAI({ baseURL: `${BASE}/v1`, apiKey: keys["test-key"]!, maxRetries: 0 });
  const text = SAID.join("");
  for await (const model of openai.models.list())
    assert.ok(["mock", "provider", "caller-openai", "caller-hosted_vllm"].includes(model.id), model.id);
  for (const [model, said] of [
    ["provider", text],
    ["mock", "MOCK-OK"],
  ] as const) {
    const chat = await openai.chat.completions.create({ model, messages: [{ role: "user", content: "hello" }] });
    assert.equal(chat.choices[0]!.message.content, said);
    const chunks: string[] = [];
    for await (const chunk of await openai.chat.completions.create({
      model,
      stream: true,
      messages: [{ role: "user", content: "hello" }],
    }))
      chunks.push(chunk.choices[0]?.delta.content ?? "");
    assert.equal(chunks.join(""), said);
    assert.ok(chunks.filter(Boolean).length > 1, "it came as a whole");
    assert.equal((await openai.responses.create({ model, input: "hello" })).output_text, said);
  }
  const calls = {
    model: "caller-openai",
    messages: [{ role: "user" as const, content: "echo" }],
    tools: [{ type: "function" as const, function: { name: "everything-echo", parameters: { type: "object" } } }],
  };
  const asked = (await openai.chat.completions.create(calls)).choices[0]!.message.tool_calls![0]!;
  assert.equal(asked.type === "function" && asked.function.arguments, '{"message":"by the model"}');
  let pieces = "";
  for await (const chunk of await openai.chat.completions.create({ ...calls, stream: true }))
    pieces += chunk.choices[0]?.delta.tool_calls?.[0]?.function?.arguments ?? "";
  assert.equal(pieces, '{"message":"by the model"}');
  let streamed = "";
  for await (const event of await openai.responses.create({ model: "provider", input: "hello", stream: true }))
    if (event.type === "response.output_text.delta") streamed += event.delta;
  assert.equal(streamed, text);
  const { data } = await openai.embeddings.create({ model: "provider", input: ["a", "b"], encoding_format: "float" });
  assert.deepEqual(
    data.map(({ embedding }) => embedding),
    [
      [0.25, -0.5],
      [0.25, -0.5],
    ],
  );
  await assert.rejects(
    openai.chat.completions.create({ model: "paid", messages: [{ role: "user", content: "hello" }] }),
    (error) => error instanceof OpenAI.PermissionDeniedError && /may not use model paid/.test(error.message),
  );
  await assert.rejects(
    new OpenAI({ baseURL: `${BASE}/v1`, apiKey: "sk-wrong", maxRetries: 0 }).models.list(),
    (error) => error instanceof OpenAI.AuthenticationError || error instanceof OpenAI.RateLimitError,
  );
});

test("an answer on /v1/responses is continued by the client that was given it, and by no other", async () => {
  const openai = (name: string) => new OpenAI({ baseURL: `${BASE}/v1`, apiKey: keys[name]!, maxRetries: 0 });
  const asked = { model: "provider", input: "hello" };
  const whole = (await openai("test-key").responses.create(asked)).id;
  const named = new Set<string>();
  for await (const event of await openai("test-key").responses.create({ ...asked, stream: true }))
    if (event.type === "response.created" || event.type === "response.completed") named.add(event.response.id);
  assert.ok(named.size >= 1);
  for (const previous_response_id of [whole, ...named]) {
    upstream.heard.length = 0;
    await assert.rejects(
      openai("narrow").responses.create({ ...asked, previous_response_id }),
      (error) => error instanceof OpenAI.BadRequestError && error.code === "previous_response_not_found",
    );
    assert.equal(upstream.heard.length, 0);
    await openai("test-key").responses.create({ ...asked, previous_response_id });
    // The provider's own id, whatever LiteLLM has made of it for the client.
    assert.equal((JSON.parse(upstream.heard[0]!.body) as Record<string, unknown>)["previous_response_id"], "resp_1");
  }
});

test("Anthropic's SDK works with its base URL alone changed: messages, streamed and not", async () => {
  const anthropic = new Anthropic({ baseURL: BASE, apiKey: keys["test-key"]!, maxRetries: 0 });
  const asked = { model: "provider", max_tokens: 50, messages: [{ role: "user" as const, content: "hello" }] };
  const whole = await anthropic.messages.create(asked);
  assert.deepEqual(
    whole.content.map((part) => part.type === "text" && part.text),
    [SAID.join("")],
  );
  const pieces: string[] = [];
  const stream = anthropic.messages.stream(asked).on("text", (text) => pieces.push(text));
  await stream.finalMessage();
  assert.equal(pieces.join(""), SAID.join(""));
  assert.ok(pieces.filter(Boolean).length > 1, "it came as a whole");
  const counted = anthropic.messages.countTokens({ model: "provider", messages: asked.messages });
  if (image && !image.includes("1.77.3")) assert.equal(typeof (await counted).input_tokens, "number");
  // LiteLLM 1.77.3 keeps its counting for administrators: no client of it is told that its key is wrong.
  else
    await assert.rejects(
      counted,
      (error) =>
        error instanceof Anthropic.PermissionDeniedError && /Route=\/v1\/messages\/count_tokens/.test(error.message),
    );
  await assert.rejects(
    anthropic.messages.create({ ...asked, model: "paid" }),
    (error) => error instanceof Anthropic.PermissionDeniedError && /may not use model paid/.test(error.message),
  );
});

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
const works = async (key: string, body: unknown = now, base = BASE) => {
  const { status, text } = await ask("POST", "/mcp/", key, body, {}, base);
  assert.equal(status, 200, text);
  assert.doesNotMatch(text, /"isError":true/);
};

test("the ingress adds little to a call: measured in turns through it and directly at LiteLLM", async () => {
  const through: number[] = [];
  const directly: number[] = [];
  for (let at = 0; at < 220; at++) {
    const both = [() => works(keys["narrow"]!), () => works(keys["narrow"]!, now, ADMIN)] as const;
    // Whichever comes first warms caches for the other, so they take turns in being first.
    const [first, second] = at % 2 ? both : ([both[1], both[0]] as const);
    const [one, other] = [await timed(first), await timed(second)];
    if (at < 20) continue;
    through.push(at % 2 ? one : other);
    directly.push(at % 2 ? other : one);
  }
  const ratio = median(through) / median(directly);
  const fastest = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 10)]!;
  console.log(
    `call p50: ${median(through).toFixed(1)} ms through the ingress, ${median(directly).toFixed(1)} ms directly, ratio ${ratio.toFixed(3)}; ` +
      `p10: ${fastest(through).toFixed(1)} and ${fastest(directly).toFixed(1)} ms`,
  );
  // All containers, the tests and whatever else runs share the processors. What was seen, and of what it consists, is in docs/decisions.md.
  assert.ok(ratio <= 1.5, `${ratio}`);
});

test("200 wrong keys a second and 200 slow connections slow a good client down only a little", async () => {
  const sample = async (count: number) => {
    const times: number[] = [];
    for (let at = 0; at < count; at++) times.push(await timed(() => works(keys["narrow"]!)));
    return median(times);
  };
  await sample(10);
  const alone = await sample(60);
  // In processes of their own, as they would be on other machines.
  const load = execa("node", ["-e", LOAD, String(PORT)], { timeout: 60_000, reject: false });
  try {
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const loaded = await sample(60);
    console.log(
      `good client's p50: ${alone.toFixed(1)} ms alone, ${loaded.toFixed(1)} ms under load, ratio ${(loaded / alone).toFixed(2)}`,
    );
    // The load takes a share of this machine's two cores, which on a network it would not.
    assert.ok(loaded / alone <= 2, `${loaded / alone}`);
  } finally {
    load.kill();
    await load;
  }
});

/**
 * 200 requests a second with wrong keys, on connections that are kept, and 200 connections that send a header a byte at
 * a time.
 */
const LOAD = `
const http = require("node:http"), net = require("node:net");
const port = Number(process.argv[1]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 20 });
const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
setInterval(() => {
  for (let at = 0; at < 10; at++) {
    const request = http.request({ port, agent, path: "/mcp/", method: "POST", headers: { authorization: "Bearer sk-wrong" + Math.random(), "content-type": "application/json", "content-length": body.length } }, (answer) => answer.resume());
    request.on("error", () => {});
    request.end(body);
  }
}, 50);
const slow = () => {
  const socket = net.connect(port, "127.0.0.1", () => socket.write("POST /mcp/ HTTP/1.1\\r\\nHost: x\\r\\nX-Slow: "));
  const drip = setInterval(() => socket.write("a"), 1000);
  socket.on("error", () => {}).on("close", () => { clearInterval(drip); setTimeout(slow, 100); });
};
for (let at = 0; at < 200; at++) slow();
setTimeout(() => process.exit(), 45000);
`;

const trafficStack = (): TrafficStack => ({
  base: BASE,
  prefix: PREFIX,
  keys: TRAFFIC_CLIENTS.map((name) => keys[name]!),
  memoryMiB: 2_048,
});

test("three restarts under the traffic of eight clients, each of another kind: no call fails", async () => {
  const { byDocker, fromWithin, forMemory } = restarts(trafficStack());
  let over = false;
  const deadline = Date.now() + 8 * 60_000;
  const running = traffic(trafficStack(), (made) => (over && made >= 1_500) || Date.now() > deadline);
  try {
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    for (const restart of [byDocker, fromWithin, forMemory]) await restart();
  } finally {
    over = true;
  }
  const { made, failures, longestMs } = await running;
  console.log(
    `${made} calls over three restarts, ${failures.length} failed, the longest took ${(longestMs / 1000).toFixed(1)} s`,
  );
  assert.deepEqual(failures, []);
  assert.ok(made >= 1_500, `${made} calls`);
});

test("LiteLLM keeps a connection that is idle for longer than its event loop stands still under load", async () => {
  await python(
    `${PREFIX}litellm`,
    `
import http.client, time
connection = http.client.HTTPConnection("127.0.0.1", 4000, timeout=30)
for seconds in (0, 12):
    time.sleep(seconds)
    connection.request("GET", "/health/liveliness")
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200
`,
  );
});

test("LiteLLM killed without warning: only calls in flight are lost, and their clients are told so", async () => {
  const { killed } = restarts(trafficStack());
  let over = false;
  const deadline = Date.now() + 3 * 60_000;
  const running = traffic(trafficStack(), () => over || Date.now() > deadline);
  try {
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await killed();
  } finally {
    over = true;
  }
  const { made, failures } = await running;
  console.log(`${made} calls over a kill, ${failures.length} lost`);
  assert.ok(failures.length <= TRAFFIC_CLIENTS.length, failures.join("\n"));
  for (const failure of failures) assert.match(failure, /502 .*whether it was carried out is not known/);
  const lines = await audited("calls");
  const ended = new Set(lines.filter(({ audit }) => audit === "outcome").map(({ id }) => id as string));
  assert.deepEqual(
    lines.filter(({ audit, id }) => audit === "call" && !ended.has(id as string)),
    [],
    "calls without an outcome",
  );
});
