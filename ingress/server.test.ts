import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import type { FastifyInstance } from "fastify";
import { Audit } from "./audit.ts";
import { Diagnosis } from "./diagnosis.ts";
import { FakeLiteLlm, json, TOOLS } from "./fake-litellm.ts";
import { LiteLlm } from "./litellm.ts";
import { Metrics } from "./metrics.ts";
import { keyHash, type Rights } from "./rights.ts";
import { routes } from "./routes.ts";
import { createIngress } from "./server.ts";
import { ToolList } from "./tools.ts";

const ANY = { allow: null, deny: [] };
const client = (name: string, servers: Rights["clients"][number]["servers"], more = {}) => ({
  name,
  keyHash: keyHash(`sk-${name}`),
  servers,
  models: ["mock"],
  rpm: null,
  parallel: 4,
  budget: null,
  ...more,
});
const table: Rights = {
  servers: [
    { name: "time", groups: ["utility"] },
    { name: "git", groups: ["files"] },
  ],
  clients: [
    client("full", { time: ANY, git: ANY }),
    client("narrow", { time: { allow: ["now"], deny: [] } }),
    client("denied", { git: { allow: null, deny: ["status"] } }),
    client("slow", { time: ANY }, { rpm: 3 }),
    client("poor", { time: ANY }, { budget: 1 }),
    client("one", { time: ANY }, { parallel: 1 }),
  ],
};

const litellm = new FakeLiteLlm();
let folder: string;
let upstream: LiteLlm;
let tools: ToolList;
let audit: Audit;
let metrics: Metrics;
let ingress: FastifyInstance;
let url: string;
let rights: { table: Rights; version: string } | undefined;

before(() => litellm.start());
after(() => litellm.stop());
beforeEach(async () => {
  litellm.heard = [];
  litellm.answer = litellm.defaults;
  rights = { table, version: "v" };
  folder = await mkdtemp(path.join(tmpdir(), "ingress-"));
  upstream = new LiteLlm(litellm.url, () => tools.warm());
  tools = new ToolList(() => upstream, "sk-listing");
  metrics = new Metrics(() => upstream.gate);
  audit = new Audit({
    ...{ folder, days: 1, bytes: 2 ** 24, results: true, masked: ["email", "token"] },
    counted: (counted, outcome) => metrics.countCall(counted, outcome, tools),
  });
  const options = {
    litellm: upstream,
    tools,
    audit,
    metrics,
    diagnosis: new Diagnosis(upstream),
    rights: () => rights,
    refused: ["token"] as const,
    bodyBytes: 1_000_000,
    bodiesBytes: 1_000_000,
    strangersPerMinute: 5,
  };
  ingress = createIngress(options);
  url = await ingress.listen({ host: "127.0.0.1", port: 0 });
});
afterEach(async () => {
  await ingress.close();
  await audit.close();
  await upstream.close();
  await rm(folder, { recursive: true });
});

const headers = (key?: string) => ({
  "content-type": "application/json",
  ...(key && { authorization: `Bearer ${key}` }),
});
async function send(method: string, where: string, key?: string, body?: unknown, more: Record<string, string> = {}) {
  const answer = await fetch(`${url}${where}`, {
    method,
    headers: { ...headers(key), ...more },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, text, headers: answer.headers, json: () => JSON.parse(text) };
}
const rpc = (method: string, params?: unknown) => ({
  jsonrpc: "2.0",
  id: 7,
  method,
  ...(params !== undefined && { params }),
});
const call = (name: string, args: unknown = {}) => rpc("tools/call", { name, arguments: args });
/** Every line of the audit files; an answer does not wait for its outcome's line, so the audit is closed for it. */
async function allLines(): Promise<Record<string, unknown>[]> {
  await audit.close();
  return lines();
}

/** Every line of the audit files that is there now. */
async function lines(): Promise<Record<string, unknown>[]> {
  const files = await readdir(folder);
  const texts = await Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
  return texts
    .flatMap((text) => text.split("\n").filter(Boolean))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test("what is not in the table of routes is 404, with any key and none, and LiteLLM hears nothing", async () => {
  const others = [
    "/routes",
    "/openapi.json",
    "/ui/",
    "/key/info",
    "/key/generate",
    "/utils/transform_request",
    "/mcp-rest/tools/call",
    "/debug/asyncio-tasks",
    "/engines/mock/chat/completions",
    "/v1",
    "/",
    "/MCP/",
    "/mcp//",
    "/mcp/./",
    "/mcp/%74ime",
    "/%6dcp/",
    "/mcp/time//",
    "/v1/models?x=1",
    "/v1/chat/completions/",
    "/mcp/a;b",
    "/mcp/../routes",
  ];
  for (const where of others)
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
      for (const key of [undefined, "sk-full", "sk-wrong"]) {
        const { status } = await raw(`${method} ${where} HTTP/1.1`, [
          "Host: x",
          "Content-Length: 0",
          ...(key ? [`Authorization: Bearer ${key}`] : []),
        ]);
        assert.equal(status, 404, `${method} ${where} ${key}`);
      }
  assert.deepEqual(litellm.asked, []);
});

/** Sends bytes as they are; the status of the first answer, and all that came. */
async function raw(line: string, head: readonly string[], body = ""): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), hostname, () =>
      socket.write(`${[line, ...head, "Connection: close"].join("\r\n")}\r\n\r\n${body}`),
    );
    let text = "";
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no answer to ${line}`)));
    socket.on("data", (chunk) => (text += String(chunk)));
    socket.on("error", reject);
    socket.on("close", () => resolve({ status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text }));
  });
}

test("the 404 says what to write instead", async () => {
  const rest =
    "it has /health, /mcp/, /v1/models, /v1/chat/completions, /v1/responses, /v1/messages, /v1/messages/count_tokens, /v1/embeddings; " +
    "LiteLLM's own routes and its UI are on the host alone (docs/security.md)";
  for (const [method, where, advice] of [
    ["GET", "/key/info", rest],
    ["GET", "/v1/mcp/server", rest],
    ["GET", "/v1/model/info", rest],
    ["GET", "/health/readiness", rest],
    ["GET", "/ui/", rest],
    ["GET", "/V1/models", rest],
    ["POST", "/health", "write GET /health"],
    ["GET", "/v1/chat/completions", "write POST /v1/chat/completions"],
    ["POST", "/chat/completions", "write /v1/chat/completions: the base URL of OpenAI's SDKs ends in /v1"],
    ["POST", "/v1/v1/messages", "write /v1/messages: the base URL of Anthropic's SDKs has no /v1"],
    ["POST", "/v1/v1/messages?beta=true", "write /v1/messages: the base URL of Anthropic's SDKs has no /v1"],
    ["POST", "/time/mcp", "write /mcp/time"],
  ] as const)
    for (const key of ["sk-full", "sk-wrong", undefined]) {
      const { status, json: said } = await send(method, where, key);
      assert.equal(status, 404);
      assert.deepEqual(said(), { error: `this gateway has no ${method} ${where}: ${advice}` });
    }
});

test("without a client's key every other route is 401, and neither LiteLLM nor a body is asked", async () => {
  for (const { method, path: where, who } of routes) {
    if (who === "anybody") continue;
    for (const key of [undefined, "sk-wrong", "sk-listing"]) {
      const answer = await send(
        method,
        where.replace(":names", "time"),
        key,
        method === "POST" ? "this is not JSON" : undefined,
      );
      assert.ok([401, 429].includes(answer.status), `${method} ${where}: ${answer.status}`);
      assert.match(answer.text, key ? /wrong key/ : /no key|wrong key/);
      assert.equal(answer.headers.get("www-authenticate"), null);
    }
  }
  assert.deepEqual(litellm.heard, []);
});
test("a page of a foreign site gets nothing, whatever its name leads to: no browser sends a key by itself", async () => {
  const page = [
    "Host: page.example:4000",
    "Origin: http://page.example:4000",
    "Content-Length: 0",
    "Cookie: token=sk-full",
  ];
  for (const { method, path: where, who } of routes) {
    const line = `${where.replace(":names", "time")} HTTP/1.1`;
    const { status, text } = await raw(`${method} ${line}`, page);
    if (who !== "anybody") assert.ok([401, 429].includes(status), `${method} ${where}: ${status}`);
    // Nor may a page of another origin read an answer, or send a key that somebody gave it.
    const preflight = await raw(`OPTIONS ${line}`, [...page, "Access-Control-Request-Headers: authorization"]);
    assert.equal(preflight.status, 404);
    for (const answer of [text, preflight.text]) assert.doesNotMatch(answer, /^access-control-/im);
  }
  assert.deepEqual(litellm.heard, []);
});
test("wrong keys are told to wait after some, right ones of the same address are not", async () => {
  const statuses = [];
  for (let at = 0; at < 8; at++) statuses.push((await send("POST", "/mcp/", "sk-wrong", rpc("ping"))).status);
  assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("ping"))).status, 200);
});

test("before a table of rights has come nobody has any right", async () => {
  rights = undefined;
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("tools/list"))).status, 503);
  assert.equal((await send("GET", "/health")).status, 503);
  rights = { table, version: "v" };
  assert.deepEqual((await send("GET", "/health")).json(), { ingress: "ok", litellm: "ok", rights: "v" });
});

test("a client without models is told that it has none, and LiteLLM is not asked", async () => {
  rights = { table: { ...table, clients: [{ ...client("full", { time: ANY }), models: [] }] }, version: "w" };
  const before = litellm.heard.length;
  const listed = await send("GET", "/v1/models", "sk-full");
  assert.deepEqual([listed.status, listed.json()], [200, { object: "list", data: [] }]);
  const asked = await send("POST", "/v1/chat/completions", "sk-full", {
    model: "mock",
    messages: [{ role: "user", content: "hi" }],
  });
  assert.deepEqual([asked.status, litellm.heard.length], [403, before]);
  assert.match(asked.text, /may not use model mock; it has none/);
});

test("a right that is taken away is gone with the next request", async () => {
  assert.match((await send("POST", "/mcp/", "sk-full", call("git-log"))).text, /called git-log/);
  rights = { table: { ...table, clients: [client("full", { time: ANY })] }, version: "w" };
  assert.match((await send("POST", "/mcp/", "sk-full", call("git-log"))).text, /may not use server git/);
});

test("a client lists what it may call and nothing else; LiteLLM is asked once, with the ingress's own key", async () => {
  const names = async (key: string, where = "/mcp/", more = {}) =>
    (
      (await send("POST", where, key, rpc("tools/list"), more)).json() as { result: { tools: { name: string }[] } }
    ).result.tools.map(({ name }) => name);
  assert.deepEqual(await names("sk-full"), TOOLS);
  assert.deepEqual(await names("sk-narrow"), ["time-now"]);
  assert.deepEqual(await names("sk-denied"), ["git-log"]);
  assert.deepEqual(await names("sk-full", "/mcp"), TOOLS);
  assert.deepEqual(await names("sk-full", "/mcp/files"), ["git-log", "git-status"]);
  assert.deepEqual(await names("sk-full", "/mcp/files/"), ["git-log", "git-status"]);
  assert.deepEqual(await names("sk-full", "/mcp/time,files"), TOOLS);
  assert.deepEqual(await names("sk-full", "/mcp", { "x-mcp-servers": "time, git" }), TOOLS);
  assert.deepEqual(await names("sk-full", "/mcp", { "x-mcp-access-groups": "files" }), ["git-log", "git-status"]);
  assert.deepEqual(await names("sk-full", "/mcp/", { "x-mcp-servers": "time" }), ["time-now", "time-convert"]);
  assert.deepEqual(await names("sk-full", "/mcp/git", { "x-mcp-servers": "time" }), []);
  assert.deepEqual(
    litellm.asked.map(({ headers: { authorization } }) => authorization),
    ["Bearer sk-listing"],
  );
  await names("sk-full", "/mcp/", { "cache-control": "no-cache" });
  assert.equal(litellm.asked.length, 2);
});

test("a name that is none narrows to nothing", async () => {
  for (const [where, more, status] of [
    ["/mcp/nosuch", {}, 404],
    ["/mcp/time,nosuch", {}, 404],
    ["/mcp/nosuch/", {}, 404],
    ["/mcp/", { "x-mcp-servers": "" }, 404],
    ["/mcp/", { "x-mcp-servers": "Time" }, 404],
    ["/mcp/", { "x-mcp-servers": "db" }, 404],
    ["/mcp/constructor", {}, 404],
    ["/mcp/git", {}, 403],
  ] as const)
    assert.equal((await send("POST", where, "sk-narrow", rpc("tools/list"), more)).status, status, where);
});

for (const [key, name, reason, where = "/mcp/"] of [
  ["sk-narrow", "git-log", "this key may not use server git"],
  ["sk-narrow", "time-convert", "this key may not call convert of server time"],
  ["sk-denied", "git-status", "this key may not call status of server git"],
  ["sk-full", "log", "there is no tool log"],
  ["sk-full", "now", "there is no tool now"],
  ["sk-full", "Git-log", "there is no tool Git-log"],
  ["sk-full", "my time-now", "there is no tool my time-now"],
  ["sk-full", "time-now ", "server time has no tool now "],
  ["sk-full", "time-git-log", "server time has no tool git-log"],
  ["sk-full", "constructor-x", "there is no tool constructor-x"],
  ["sk-full", "git-log", "server git is not offered at this address", "/mcp/time"],
] as const)
  test(`a call of ${name} with ${key} at ${where} is refused, recorded, and never sent`, async () => {
    const answer = await send("POST", where, key, call(name));
    const { result } = answer.json() as { result: { isError: boolean; content: { text: string }[] } };
    assert.equal(answer.status, 200);
    assert.equal(result.isError, true);
    assert.ok(result.content[0]!.text.includes(reason), result.content[0]!.text);
    assert.deepEqual(
      litellm.asked.filter(({ body }) => (body as { method?: string }).method === "tools/call"),
      [],
    );
    await audit.close();
    const [line, ...others] = await lines();
    assert.deepEqual(others, []);
    assert.equal(line!["audit"], "refused");
    assert.equal(line!["client"], key.slice(3));
  });

test("a call to a tool of the last listing waits for no other, however old it is", async (context) => {
  await send("POST", "/mcp/", "sk-full", rpc("tools/list"));
  context.mock.method(Date, "now", () => performance.timeOrigin + performance.now() + 60_000);
  await send("POST", "/mcp/", "sk-full", call("git-log"));
  assert.deepEqual(
    litellm.asked.map(({ body }) => (body as { method: string }).method),
    ["tools/list", "tools/call"],
  );
});

test("a call is audited as the server's by whose name it was called, whatever other servers list", async () => {
  const listed = ["time-now", "git-now", "git-time-now"];
  litellm.answer = (heard, response) => {
    const { id, method } = (heard.body ?? {}) as { id?: number; method?: string };
    if (method !== "tools/list") return void litellm.defaults(heard, response);
    json(response, 200, { jsonrpc: "2.0", id, result: { tools: listed.map((name) => ({ name, inputSchema: {} })) } });
  };
  for (const name of listed) assert.match((await send("POST", "/mcp/", "sk-full", call(name))).text, /called/);
  const calls = (await allLines()).filter((line) => line["audit"] === "call");
  assert.deepEqual(
    calls.map((line) => [line["server"], line["tool"]]),
    [
      ["time", "now"],
      ["git", "now"],
      ["git", "time-now"],
    ],
  );
});

test("a call is a line before, on disk when LiteLLM hears of it, and a line with the outcome", async () => {
  let atCall: Record<string, unknown>[] = [];
  litellm.answer = (heard, response) => {
    if ((heard.body as { method?: string } | undefined)?.method !== "tools/call")
      return void litellm.defaults(heard, response);
    void lines().then((found) => {
      atCall = found;
      litellm.defaults(heard, response);
    });
  };
  const answer = await send("POST", "/mcp/", "sk-full", call("git-log", { path: "/x" }));
  assert.equal((answer.json() as { id: number }).id, 7);
  assert.equal(atCall.length, 1);
  const [before, outcome] = await allLines();
  assert.deepEqual(
    { ...before, id: 0, time: 0 },
    {
      audit: "call",
      id: 0,
      time: 0,
      client: "full",
      address: "127.0.0.1",
      server: "git",
      tool: "log",
      arguments: { path: "/x" },
      route: "/mcp/",
    },
  );
  assert.deepEqual(
    { ...outcome, time: 0, milliseconds: 0 },
    {
      audit: "outcome",
      id: before!["id"],
      time: 0,
      client: "full",
      server: "git",
      tool: "log",
      outcome: "answered",
      milliseconds: 0,
      result: [{ type: "text", text: "called git-log" }],
    },
  );
  const sent = litellm.asked.at(-1)!;
  assert.equal(sent.headers.authorization, "Bearer sk-full");
  assert.deepEqual(sent.body, {
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "git-log", arguments: { path: "/x" } },
  });
});

test("what no tool may have in its arguments: the call is refused, LiteLLM hears nothing, and the record has it masked", async () => {
  const token = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";
  const asked = () => litellm.asked.filter(({ body }) => (body as { method?: string }).method === "tools/call").length;
  const before = asked();
  const answer = await send("POST", "/mcp/", "sk-full", call("git-log", { deep: [{ note: `my key is ${token}` }] }));
  assert.match(
    answer.text,
    /its arguments have what this gateway lets no tool have: token \(litellm-mcp:guard\.refuse\)/,
  );
  assert.match(answer.text, /"isError":true/);
  assert.equal(asked(), before);
  await send("POST", "/mcp/", "sk-full", call("git-log", { author: "jane@example.org" }));
  assert.equal(asked(), before + 1);
  assert.deepEqual((litellm.asked.at(-1)!.body as { params: object }).params, {
    name: "git-log",
    arguments: { author: "jane@example.org" },
  });
  await audit.close();
  const files = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file), "utf8")));
  const text = files.join("");
  assert.ok(!text.includes(token) && !text.includes("jane@"), text);
  assert.match(text, /my key is \[token\]/);
  assert.match(text, /"author":"\[email\]"/);
});

test("a call whose line cannot be written is not made", async () => {
  await audit.close();
  await rm(folder, { recursive: true });
  // A file where the directory should be.
  await writeFile(folder, "");
  const answer = await send("POST", "/mcp/", "sk-full", call("git-log"));
  assert.equal(answer.status, 503);
  assert.match(answer.text, /the call was not made: its audit line cannot be written/);
  assert.ok(!litellm.asked.some(({ body }) => (body as { method?: string }).method === "tools/call"));
  await rm(folder);
  await mkdir(folder);
});

test("what a client sends in headers does not reach LiteLLM", async () => {
  const evil = {
    "x-mcp-auth": "t",
    "x-mcp-time-authorization": "t",
    "x-litellm-tags": "a",
    "x-forwarded-for": "1.2.3.4",
    cookie: "token=1",
    "anthropic-beta": "b",
    "user-agent": "evil",
  };
  await send("POST", "/mcp/", "sk-full", call("git-log"), evil);
  await send(
    "POST",
    "/v1/chat/completions",
    "sk-full",
    { model: "mock", messages: [{ role: "user", content: "x" }] },
    evil,
  );
  for (const { headers: passed } of litellm.asked)
    assert.deepEqual(
      Object.keys(passed).filter(
        (name) =>
          !["host", "connection", "accept", "authorization", "content-type", "content-length", "user-agent"].includes(
            name,
          ),
      ),
      [],
    );
  assert.ok(!JSON.stringify(litellm.asked).includes("evil"));
});

test("messages that are none, too many or too much are refused before LiteLLM", async () => {
  for (const [what, body, status] of [
    ["a batch", [rpc("tools/list")], 400],
    ["no JSON", "{", 400],
    ["no object", "7", 400],
    ["no id", { jsonrpc: "2.0", method: "tools/list" }, 400],
    ["an unknown parameter", rpc("tools/call", { name: "git-log", server: "git" }), 400],
    ["arguments that are a list", rpc("tools/call", { name: "git-log", arguments: [] }), 400],
    [
      "__proto__",
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"git-log","arguments":{"__proto__":{}}}}',
      400,
    ],
    [
      "200 levels",
      `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"git-log","arguments":{"a":${"[".repeat(200)}${"]".repeat(200)}}}}`,
      400,
    ],
    ["2 MB", JSON.stringify(call("git-log", { text: "x".repeat(2_000_000) })), 413],
  ] as const) {
    const answer = await send("POST", "/mcp/", "sk-full", body);
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
  }
  const unknown = await send("POST", "/mcp/", "sk-full", rpc("resources/list"));
  assert.deepEqual(unknown.json(), {
    jsonrpc: "2.0",
    id: 7,
    error: { code: -32601, message: "Method not found: resources/list" },
  });
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("ping"), { "content-type": "text/plain" })).status, 415);
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("ping"), { "content-encoding": "gzip" })).status, 415);
  assert.equal(
    (await send("POST", "/mcp/", "sk-full", { jsonrpc: "2.0", method: "notifications/initialized" })).status,
    202,
  );
  assert.equal((await send("GET", "/mcp/", "sk-full")).status, 405);
  assert.deepEqual(litellm.asked, []);
});

test("whole numbers beyond 2^53 and repeated keys reach LiteLLM as one value", async () => {
  await send(
    "POST",
    "/mcp/",
    "sk-full",
    '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"git-status","name":"git-log","arguments":{"a":1,"a":2}}}',
  );
  const { params } = litellm.asked.at(-1)!.body as { params: unknown };
  assert.deepEqual(params, { name: "git-log", arguments: { a: 2 } });
});

test("two keys, headers twice and bodies of two lengths are refused", async () => {
  const body = JSON.stringify(rpc("ping"));
  const head = ["Host: x", "Content-Type: application/json", "Authorization: Bearer sk-full"];
  assert.equal((await raw("POST /mcp/ HTTP/1.1", [...head, `Content-Length: ${body.length}`], body)).status, 200);
  for (const more of [
    ["Authorization: Bearer sk-narrow", `Content-Length: ${body.length}`],
    ["x-api-key: sk-narrow", `Content-Length: ${body.length}`],
    [`Content-Length: ${body.length}`, "Transfer-Encoding: chunked"],
    [`Content-Length: ${body.length}`, "Content-Length: 5"],
    ["Transfer-Encoding: chunked, identity"],
    ["Transfer-Encoding : chunked"],
    ["x-mcp-servers: time", "x-mcp-servers: git", `Content-Length: ${body.length}`],
  ]) {
    const { status, text } = await raw("POST /mcp/ HTTP/1.1", [...head, ...more], body);
    assert.equal(status, 400, `${more.join(", ")}: ${text}`);
  }
  assert.deepEqual(litellm.asked, []);
});

test("a model's request goes on with its body and comes back without LiteLLM's own headers", async () => {
  const answer = await send("POST", "/v1/chat/completions", "sk-full", {
    model: "mock",
    messages: [{ role: "user", content: "x" }],
  });
  assert.deepEqual(answer.json(), { heard: "/v1/chat/completions" });
  assert.equal(answer.headers.get("x-litellm-model-api-base"), null);
  assert.equal(
    (
      await send("POST", "/v1/messages?beta=true", "sk-full", {
        model: "mock",
        max_tokens: 1,
        messages: [{ role: "user", content: "x" }],
      })
    ).status,
    200,
  );
  assert.equal(litellm.asked.at(-1)!.path, "/v1/messages");
  assert.equal(
    (
      await send("POST", "/v1/chat/completions", "sk-full", {
        model: "other",
        messages: [{ role: "user", content: "x" }],
      })
    ).status,
    403,
  );
  for (const evil of [
    { api_base: "http://x" },
    { mock_response: "os.environ/LITELLM_MASTER_KEY" },
    { fallbacks: [{}] },
    { user: "os.environ/X" },
  ]) {
    const refused = await send("POST", "/v1/chat/completions", "sk-full", {
      model: "mock",
      messages: [{ role: "user", content: "x" }],
      ...evil,
    });
    assert.equal(refused.status, 400);
    assert.ok(refused.text.includes(Object.keys(evil)[0]!), refused.text);
  }
  assert.equal(litellm.asked.length, 2);
});

test("a request for one of Anthropic's threads is refused in the words with which its SDKs go on without", async () => {
  const asked = {
    model: "mock",
    max_tokens: 1,
    messages: [{ role: "user", content: "x" }],
    thread: { type: "create" },
  };
  const { status, json: said } = await send("POST", "/v1/messages?beta=true", "sk-full", asked);
  assert.equal(status, 400);
  assert.deepEqual(said(), {
    type: "error",
    error: {
      type: "invalid_request_error",
      message: "thread: leave it out: send the messages themselves, the gateway keeps no threads",
      details: { error_code: "thread_unsupported_request" },
    },
  });
  assert.deepEqual(litellm.asked, []);
  const other = await send("POST", "/v1/messages", "sk-full", { ...asked, thread: undefined, fallbacks: [] });
  assert.equal("details" in (other.json() as { error: object }).error, false);
});

test("a stream is handed through as it comes", async () => {
  let more!: () => void;
  litellm.answer = (_heard, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
    more = () => response.end("data: 2\n\n");
  };
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: headers("sk-full"),
    body: JSON.stringify({ model: "mock", stream: true, messages: [{ role: "user", content: "x" }] }),
  });
  const reader = answer.body!.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "data: 1\n\n");
  more();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "data: 2\n\n");
});

test("LiteLLM ends when its answer has begun: the client is told, and a call is lost", async () => {
  await send("POST", "/mcp/", "sk-full", rpc("tools/list"));
  for (const type of ["application/json", "text/event-stream"]) {
    litellm.answer = (_heard, response) => {
      response.writeHead(200, { "content-type": type, "content-length": "100" }).flushHeaders();
      setImmediate(() => response.destroy());
    };
    for (const [where, body] of [
      ["/v1/chat/completions", { model: "mock", messages: [{ role: "user", content: "x" }] }],
      ["/v1/responses", { model: "mock", input: "x" }],
      ["/mcp/", call("time-now")],
    ] as const) {
      const { status, text } = await send("POST", where, "sk-full", body);
      assert.equal(status, 502, `${where}, ${type}: ${text}`);
      assert.match(text, /whether it was carried out is not known/);
    }
  }
  assert.deepEqual(
    (await allLines()).filter(({ audit: kind }) => kind === "outcome").map(({ outcome }) => outcome),
    ["lost", "lost"],
  );
});

test("an answer on /v1/responses is continued by its client alone, streamed or not, with tools or without", async () => {
  let answers = 0;
  litellm.answer = (heard, response) => {
    if (heard.path !== "/v1/responses") return litellm.defaults(heard, response);
    const made = { id: `resp_${++answers}`, output: [{ type: "message", id: `msg_${answers}`, content: [] }] };
    if (!(heard.body as { stream?: boolean }).stream) return json(response, 200, made);
    return response
      .writeHead(200, { "content-type": "text/event-stream" })
      .end(`data: ${JSON.stringify({ type: "response.completed", response: made })}\n\ndata: [DONE]\n\n`);
  };
  const body = { model: "mock", input: "x" };
  const tool = { type: "mcp", server_label: "l", server_url: "litellm_proxy/mcp/time", require_approval: "never" };
  for (const [index, more] of [{}, { stream: true }, { tools: [tool] }].entries()) {
    const first = await send("POST", "/v1/responses", "sk-full", { ...body, ...more });
    assert.equal(first.status, 200, first.text);
    const id = `resp_${2 * index + 1}`;
    assert.ok(first.text.includes(id), first.text);
    const heard = litellm.heard.length;
    const [previous, item] = [
      { previous_response_id: id },
      { input: [{ type: "item_reference", id: `msg_${2 * index + 1}` }] },
    ];
    for (const [named, code] of [
      [previous, "previous_response_not_found"],
      [item, "item_not_found"],
    ] as const) {
      const foreign = await send("POST", "/v1/responses", "sk-narrow", { ...body, ...more, ...named });
      assert.equal(foreign.status, 400);
      assert.equal(foreign.json().error.code, code);
      assert.match(foreign.text, /has not given client narrow/);
    }
    assert.equal(litellm.heard.length, heard);
    const own = await send("POST", "/v1/responses", "sk-full", { ...body, ...more, ...previous, ...item });
    assert.equal(own.status, 200, own.text);
    const sent = litellm.heard.at(-1)!.body as { previous_response_id: string; input: object[] };
    assert.deepEqual([sent.previous_response_id, sent.input], [id, item.input]);
  }
});

test("limits: requests a minute, at once, and the budget, each with its own text", async () => {
  const statuses = [];
  for (let at = 0; at < 5; at++) statuses.push((await send("POST", "/mcp/", "sk-slow", rpc("tools/list"))).status);
  assert.deepEqual(statuses, [200, 200, 200, 429, 429]);
  litellm.answer = (heard, response) =>
    heard.path === "/key/info" ? json(response, 200, { info: { spend: 1.5 } }) : litellm.defaults(heard, response);
  const poor = await send("POST", "/mcp/", "sk-poor", call("time-now"));
  assert.equal(poor.status, 402);
  assert.match(poor.text, /the budget of client poor is spent: 1\.5000 of 1 USD/);
  let release!: () => void;
  litellm.answer = (heard, response) => {
    if ((heard.body as { method?: string } | undefined)?.method === "tools/call")
      release = () => litellm.defaults(heard, response);
    else litellm.defaults(heard, response);
  };
  const first = send("POST", "/mcp/", "sk-one", call("time-now"));
  while (!release) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal((await send("POST", "/mcp/", "sk-one", call("time-now"))).status, 429);
  release();
  assert.equal((await first).status, 200);
});

for (const [what, answers, status, text] of [
  ["the database is away", { "/health/readiness": [503, {}] }, 503, /does not reach its Postgres/],
  [
    "LiteLLM does not know the key",
    { "/key/info": [401, {}] },
    502,
    /does not know the key of client full: npm run up/,
  ],
  ["LiteLLM has a fault of its own", {}, 502, /LiteLLM answered HTTP 500: .*MCP request failed/],
] as const)
  test(`HTTP 500 "MCP request failed" is explained: ${what}`, async () => {
    await send("POST", "/mcp/", "sk-full", rpc("tools/list"));
    litellm.answer = (heard, response) => {
      const [code, body] = (answers as unknown as Record<string, [number, unknown]>)[heard.path] ?? [
        undefined,
        undefined,
      ];
      if (code !== undefined) return json(response, code, body);
      if (heard.path === "/mcp/") return json(response, 500, { error: "MCP request failed", details: "" });
      return litellm.defaults(heard, response);
    };
    const answer = await send("POST", "/mcp/", "sk-full", call("time-now"));
    assert.equal(answer.status, status);
    assert.match(answer.text, text);
  });

test("of LiteLLM's errors the message reaches a client, and not the trace through its code", async () => {
  const trace = 'no such thing\n\nTraceback (most recent call last):\n  File "/app/secret.py", line 1';
  const body = { model: "mock", messages: [{ role: "user", content: "x" }] };
  for (const [path, sent, said] of [
    ["/v1/chat/completions", JSON.stringify({ error: { message: trace, type: "None", code: 500 } }), "no such thing"],
    ["/v1/messages", `data: ${JSON.stringify({ error: { message: trace } })}\n\ndata: [DONE]\n\n`, "no such thing"],
    [
      "/v1/chat/completions",
      JSON.stringify({ error: "MCP request failed", details: "away" }),
      "MCP request failed: away",
    ],
    ["/v1/chat/completions", trace, "no such thing"],
    ["/v1/chat/completions", "Internal Server Error", "Internal Server Error"],
  ] as const) {
    litellm.answer = (heard, response) =>
      heard.path === path ? response.writeHead(500).end(sent) : litellm.defaults(heard, response);
    const answer = await send("POST", path, "sk-full", { ...body, ...(path === "/v1/messages" && { max_tokens: 1 }) });
    assert.equal(answer.status, 502);
    assert.equal((answer.json() as { error: { message: string } }).error.message, `LiteLLM answered HTTP 500: ${said}`);
  }
});

test("a server that is away is said so, and is an error", async () => {
  litellm.answer = (heard, response) =>
    (heard.body as { method?: string } | undefined)?.method === "tools/call"
      ? json(response, 200, {
          jsonrpc: "2.0",
          id: 1,
          result: { content: [{ type: "text", text: "MCP client session is not initialized" }], isError: false },
        })
      : litellm.defaults(heard, response);
  const { result } = (await send("POST", "/mcp/", "sk-full", call("time-now"))).json() as { result: unknown };
  assert.deepEqual(result, { content: [{ type: "text", text: "Error: server time does not answer" }], isError: true });
  assert.equal((await allLines()).find((line) => line["audit"] === "outcome")!["outcome"], "failed");
});

test("calls are counted as the record has them, also a failure that LiteLLM gives as text; a text of a client is no label", async () => {
  let said = "now";
  litellm.answer = (heard, response) =>
    (heard.body as { method?: string } | undefined)?.method === "tools/call"
      ? json(response, 200, { jsonrpc: "2.0", id: 1, result: { content: [{ type: "text", text: said }] } })
      : litellm.defaults(heard, response);
  for (const text of ["now", "now", "Error: no such zone"]) {
    said = text;
    await send("POST", "/mcp/", "sk-full", call("time-now"));
  }
  for (const name of ["time-made_up", "made-up"]) await send("POST", "/mcp/", "sk-full", call(name));
  await send("POST", "/mcp/", "sk-narrow", call("git-log"));
  const figures = (await metrics.registry.metrics())
    .split("\n")
    .filter((line) => /^ingress_tool_calls_total\{/.test(line));
  assert.deepEqual(figures.sort(), [
    'ingress_tool_calls_total{client="full",mcp_server="",gen_ai_tool_name="",outcome="refused"} 1',
    'ingress_tool_calls_total{client="full",mcp_server="time",gen_ai_tool_name="",outcome="refused"} 1',
    'ingress_tool_calls_total{client="full",mcp_server="time",gen_ai_tool_name="now",outcome="answered"} 2',
    'ingress_tool_calls_total{client="full",mcp_server="time",gen_ai_tool_name="now",outcome="failed"} 1',
    'ingress_tool_calls_total{client="narrow",mcp_server="git",gen_ai_tool_name="log",outcome="refused"} 1',
  ]);
  const outcomes = (await allLines()).map(({ audit: kind, outcome }) => (kind === "outcome" ? outcome : kind)).sort();
  assert.deepEqual(outcomes, [
    ...["answered", "answered", "call", "call", "call", "failed"],
    ...["refused", "refused", "refused"],
  ]);
});

test("an answer without end is broken off, recorded, and harms nobody else", async () => {
  litellm.answer = (heard, response) => {
    if ((heard.body as { method?: string } | undefined)?.method !== "tools/call")
      return void litellm.defaults(heard, response);
    response.writeHead(200, { "content-type": "application/json" });
    const chunk = Buffer.alloc(2 ** 20, "x");
    const more = () => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once("drain", more);
    };
    more();
  };
  const answer = await send("POST", "/mcp/", "sk-full", call("git-log"));
  assert.equal(answer.status, 502);
  assert.match(answer.text, /larger than 48 MiB/);
  assert.equal((await allLines()).find((line) => line["audit"] === "outcome")!["outcome"], "failed");
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("tools/list"))).status, 200);
});

test("while LiteLLM is away requests wait, and go on when it is back", async () => {
  await send("POST", "/mcp/", "sk-full", rpc("tools/list"));
  await litellm.stop();
  const waiting = [send("POST", "/mcp/", "sk-full", call("git-log")), send("GET", "/v1/models", "sk-full")];
  while (upstream.gate.waiting < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal((await send("GET", "/health")).status, 503);
  await litellm.start();
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200, answer.text);
  // Its list of tools is filled before the first call.
  const methods = litellm.asked
    .slice(-3)
    .map(({ body, path: where }) => (body as { method?: string } | undefined)?.method ?? where);
  assert.equal(methods[0], "tools/list");
});

test("a call that breaks off is neither repeated nor said to have failed", async () => {
  await send("POST", "/mcp/", "sk-full", rpc("tools/list"));
  let calls = 0;
  litellm.answer = (heard, response) => {
    if ((heard.body as { method?: string } | undefined)?.method !== "tools/call")
      return void litellm.defaults(heard, response);
    calls += 1;
    response.socket!.destroy();
  };
  const answer = await send("POST", "/mcp/", "sk-full", call("git-log"));
  assert.equal(answer.status, 502);
  assert.match(answer.text, /whether it was carried out is not known/);
  assert.equal(calls, 1);
  assert.equal((await allLines()).find((line) => line["audit"] === "outcome")!["outcome"], "lost");
});

test("a client that makes up tools or versions of the protocol does not make LiteLLM work each time", async () => {
  for (let at = 0; at < 20; at++) {
    await send("POST", "/mcp/", "sk-full", call(`time-made-up-${at}`));
    const { result } = (
      await send(
        "POST",
        "/mcp/",
        "sk-full",
        rpc("initialize", {
          protocolVersion: `1999-01-${10 + at}`,
          capabilities: {},
          clientInfo: { name: "x", version: "1" },
        }),
      )
    ).json() as { result: { protocolVersion: string } };
    assert.equal(result.protocolVersion, "2025-06-18");
  }
  const heard = litellm.asked.map(({ body }) => (body as { method: string }).method);
  assert.ok(heard.filter((method) => method === "tools/list").length <= 3, heard.join());
  assert.ok(heard.filter((method) => method === "initialize").length <= 1, heard.join());
});

test("large bodies of all clients together are limited, before they are read; small ones always pass", async () => {
  let release: (() => void)[] = [];
  litellm.answer = (heard, response) => {
    if ((heard.body as { method?: string } | undefined)?.method === "tools/call")
      release.push(() => litellm.defaults(heard, response));
    else litellm.defaults(heard, response);
  };
  const large = call("git-log", { text: "x".repeat(400_000) });
  const running = [send("POST", "/mcp/", "sk-full", large), send("POST", "/mcp/", "sk-denied", large)];
  while (release.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  // Announced and never sent: it is refused for what it would take.
  const { status, text } = await raw("POST /mcp/ HTTP/1.1", [
    "Host: x",
    "Content-Type: application/json",
    "Content-Length: 400000",
    "Authorization: Bearer sk-full",
  ]);
  assert.equal(status, 503);
  assert.match(text, /retry-after: 10/i);
  assert.match(text, /leave no room for another one of client full: try again/);
  assert.equal(
    (
      await raw("POST /mcp/ HTTP/1.1", [
        "Host: x",
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        "Authorization: Bearer sk-full",
      ])
    ).status,
    503,
  );
  assert.equal((await send("POST", "/mcp/", "sk-full", rpc("ping"))).status, 200);
  for (const one of release) one();
  for (const answer of await Promise.all(running)) assert.equal(answer.status, 200);
  release = [];
  const again = send("POST", "/mcp/", "sk-full", large);
  while (!release.length) await new Promise((resolve) => setTimeout(resolve, 5));
  release[0]!();
  assert.equal((await again).status, 200);
});

for (const [what, key, status, text] of [
  ["without a key", "", 401, /no key/],
  ["too large", "Authorization: Bearer sk-full\r\n", 413, /larger than this gateway takes/],
] as const)
  test(`a client that sends a large body ${what} gets to read why it is refused, and the connection does not stay`, async () => {
    const { hostname, port } = new URL(url);
    const { received, seconds } = await new Promise<{ received: string; seconds: number }>((resolve) => {
      const started = Date.now();
      let received = "";
      const socket = net.connect(Number(port), hostname, () => {
        socket.write(
          `POST /mcp/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n${key}\r\n`,
        );
        socket.write(Buffer.alloc(5_000_000, "a"));
      });
      // It looks for an answer only when it has sent something.
      setTimeout(() => socket.on("data", (chunk) => (received += String(chunk))), 300);
      socket.on("error", () => {});
      socket.on("close", () => resolve({ received, seconds: (Date.now() - started) / 1000 }));
    });
    assert.match(received, new RegExp(`^HTTP/1\\.1 ${status}`));
    assert.match(received, text);
    assert.ok(seconds < 5, `${seconds} s`);
  });

test("refused requests leave nothing on a connection that is kept", async () => {
  const sockets: net.Socket[] = [];
  ingress.server.on("connection", (socket) => sockets.push(socket));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const refused = () =>
    new Promise<number>((resolve, reject) => {
      const request = http.request(`${url}/mcp/`, {
        method: "POST",
        agent,
        headers: { "content-type": "application/json", authorization: "Bearer sk-wrong" },
      });
      request
        .on("error", reject)
        .on("response", (response) => response.resume().on("end", () => resolve(response.statusCode!)));
      request.end("{}");
    });
  const listeners = async () => {
    assert.match(String(await refused()), /401|429/);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return sockets[0]!.listenerCount("close");
  };
  try {
    const first = await listeners();
    for (let at = 0; at < 12; at++) await listeners();
    assert.equal(sockets.length, 1, "the connection was not kept");
    assert.equal(await listeners(), first);
  } finally {
    agent.destroy();
  }
});

test("a client that leaves while it sends is no error of the gateway", async () => {
  const written = mock.method(process.stdout, "write");
  try {
    const { hostname, port } = new URL(url);
    const socket = net.connect(Number(port), hostname, () => {
      socket.write(
        "POST /mcp/ HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\nAuthorization: Bearer sk-full\r\n\r\n{",
      );
      setTimeout(() => socket.destroy(), 50);
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(
      written.mock.calls
        .map(({ arguments: [text] }) => String(text))
        .filter((text) => text.includes('"event":"error"')),
      [],
    );
    await audit.close();
    assert.deepEqual(
      (await lines()).map(({ client: who, reason }) => [who, reason]),
      [["full", "client gone"]],
    );
  } finally {
    written.mock.restore();
  }
});

test("a client whose key is right is never told that it is wrong, whatever LiteLLM says", async () => {
  litellm.answer = (heard, response) =>
    heard.path.endsWith("/count_tokens")
      ? json(response, 401, { error: { message: "Only proxy admin" } })
      : litellm.defaults(heard, response);
  const { status, text } = await send("POST", "/v1/messages/count_tokens", "sk-full", {
    model: "mock",
    messages: [{ role: "user", content: "x" }],
  });
  assert.equal(status, 403);
  assert.match(text, /"type":"permission_error".*Only proxy admin/);
});

test("its figures say whether LiteLLM answers, also of one that takes connections and says nothing", async () => {
  const answers = async () => /^ingress_litellm_answers (\d)$/m.exec(await metrics.registry.metrics())?.[1];
  assert.equal(await answers(), "1");
  litellm.answer = () => {};
  assert.equal(await answers(), "0");
  assert.equal(upstream.gate.state, "ok", "no request has found it away");
});
