import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { execa } from "execa";

const script = fileURLToPath(new URL("mcp_health.py", import.meta.url));

/** Never with --kill-after: outside a container it would end every process of the user. */
async function check(args: readonly string[], env: Record<string, string> = {}) {
  // A check without end is a failed test, not a test without end.
  const { exitCode, stdout } = await execa("python3", [script, ...args], { reject: false, env, timeout: 10_000 });
  return { exitCode, stdout };
}

/** Address of a server that lives as long as the test. */
async function listen(context: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function mcpServer(tools: readonly string[]): McpServer {
  const server = new McpServer({ name: "test", version: "1.0.0" }, { capabilities: { tools: {} } });
  for (const tool of tools) server.registerTool(tool, {}, () => ({ content: [] }));
  if (!tools.length) server.registerTool("unlisted", {}, () => ({ content: [] })).disable();
  return server;
}

/** The SDK's servers, one session at a time; `methods` are the HTTP methods that arrived. */
async function sdkHttp(context: TestContext, tools: readonly string[], json = false) {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => "one", enableJsonResponse: json });
  await mcpServer(tools).connect(transport);
  const methods: (string | undefined)[] = [];
  const url = await listen(context, (request, response) => {
    methods.push(request.method);
    void transport.handleRequest(request, response);
  });
  return { url: `${url}/mcp`, methods };
}

async function sdkSse(context: TestContext, tools: readonly string[]): Promise<string> {
  let transport: SSEServerTransport;
  const url = await listen(context, (request, response) => {
    if (request.method === "GET") {
      transport = new SSEServerTransport("/messages", response);
      void mcpServer(tools).connect(transport);
    } else void transport.handlePostMessage(request, response);
  });
  return `${url}/sse`;
}

/** Streamable HTTP by hand: `initialize` is answered well, all else by `then`. */
const afterInitialize =
  (then: (request: IncomingMessage, response: ServerResponse, method: string | undefined) => void): RequestListener =>
  (request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part)).on("end", () => {
      const message = parts.length ? (JSON.parse(Buffer.concat(parts).toString()) as { id?: number; method: string }) : undefined;
      if (message?.method !== "initialize") return then(request, response, message?.method);
      response.writeHead(200, { "Content-Type": "application/json", "Mcp-Session-Id": "one" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, result: {} }));
    });
  };

for (const json of [false, true])
  test(`a streamable HTTP server with a tool is healthy, and its session is ended (${json ? "JSON" : "event stream"} answers)`, async (context) => {
    const { url, methods } = await sdkHttp(context, ["echo"], json);
    assert.deepEqual(await check(["--transport", "http", "--url", url]), { exitCode: 0, stdout: "healthy" });
    assert.deepEqual(methods, ["POST", "POST", "POST", "DELETE"]);
  });

test("an SSE server with a tool is healthy", async (context) => {
  assert.deepEqual(await check(["--transport", "sse", "--url", await sdkSse(context, ["echo"])]), { exitCode: 0, stdout: "healthy" });
});

test("a server without tools is unhealthy over both transports", async (context) => {
  const expected = { exitCode: 1, stdout: "unhealthy: tools/list is empty" };
  assert.deepEqual(await check(["--transport", "http", "--url", (await sdkHttp(context, [])).url]), expected);
  assert.deepEqual(await check(["--transport", "sse", "--url", await sdkSse(context, [])]), expected);
});

test("--initialize-only does not list, and sends the bearer token", async (context) => {
  const seen: (string | undefined)[] = [];
  const url = await listen(context, (request, response) => {
    seen.push(request.headers.authorization);
    afterInitialize((_, answer) => answer.writeHead(request.method === "DELETE" ? 200 : 500).end())(request, response);
  });
  const args = ["--transport", "http", "--url", url, "--initialize-only", "--bearer-env", "TOKEN_FOR_TEST"];
  assert.deepEqual(await check(args, { TOKEN_FOR_TEST: "secret" }), { exitCode: 0, stdout: "healthy" });
  assert.deepEqual(seen, ["Bearer secret", "Bearer secret"]);
});

test("a missing bearer variable is named, and nothing is sent", async (context) => {
  let requests = 0;
  const url = await listen(context, (_, response) => response.writeHead(200).end(String((requests += 1))));
  const { exitCode, stdout } = await check(["--transport", "http", "--url", url, "--bearer-env", "TOKEN_NOT_THERE"]);
  assert.deepEqual({ exitCode, stdout, requests }, { exitCode: 1, stdout: "unhealthy: the variable TOKEN_NOT_THERE (--bearer-env) is not set", requests: 0 });
});

test("a server that lets no client end sessions (405 to DELETE) is healthy", async (context) => {
  const url = await listen(
    context,
    afterInitialize((request, response, method) => {
      if (request.method === "DELETE") response.writeHead(405).end();
      else if (method === "tools/list") response.writeHead(200, { "Content-Type": "application/json" }).end('{"id":2,"result":{"tools":[{}]}}');
      else response.writeHead(202).end();
    }),
  );
  assert.deepEqual(await check(["--transport", "http", "--url", url]), { exitCode: 0, stdout: "healthy" });
});

test("refused connections, error statuses and nonsense are unhealthy, in one line", async (context) => {
  const failing = await listen(context, (_, response) => response.writeHead(500).end("broken"));
  const nonsense = await listen(context, (_, response) => response.writeHead(200).end("[1]"));
  const line = async (url: string) => {
    const { exitCode, stdout } = await check(["--transport", "http", "--url", url]);
    assert.equal(exitCode, 1);
    return stdout;
  };
  assert.match(await line("http://127.0.0.1:1/mcp"), /^unhealthy: ConnectionRefusedError: .*$/);
  assert.match(await line(`${failing}/mcp`), /^unhealthy: POST \/mcp answered 500 broken$/);
  assert.match(await line(nonsense), /^unhealthy: TypeError: .*$/);
});

test("the time limit holds for whole attempts: silence, pings without an answer, and a freeze after initialize", async (context) => {
  const silent = await listen(context, () => undefined);
  const pinging = await listen(context, (request, response) => {
    if (request.method === "POST") {
      response.writeHead(202).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write("event: endpoint\ndata: /messages\n\n");
    const pings = setInterval(() => response.write(": ping\n\n"), 50);
    response.on("close", () => clearInterval(pings));
  });
  const frozen = await listen(context, afterInitialize(() => undefined));
  const cases = [["http", silent], ["sse", pinging], ["http", frozen]] as const;
  await Promise.all(
    cases.map(async ([transport, url]) => {
      const started = Date.now();
      const answer = await check(["--transport", transport, "--url", url, "--timeout", "0.5", "--attempts", "2"]);
      assert.deepEqual(answer, { exitCode: 1, stdout: "unhealthy: no answer within 0.5 s" });
      // Two attempts and half a second between them; above that, room for a slow machine to start Python.
      const took = Date.now() - started;
      assert.ok(took >= 1500 && took < 5000, `${transport}: ${took} ms`);
    }),
  );
});

/** What the script's functions say, asked from Python: the option --kill-after itself would end every process of the user. */
async function ask(context: TestContext, question: string, pidFile?: string): Promise<unknown> {
  const directory = await mkdtemp(path.join(tmpdir(), "mcp-health-"));
  context.after(() => rm(directory, { recursive: true }));
  const file = path.join(directory, "pid");
  if (pidFile !== undefined) await writeFile(file, pidFile);
  const program = `
import json, os, sys
sys.dont_write_bytecode = True
sys.path.insert(0, ${JSON.stringify(path.dirname(script))})
import mcp_health as health
health.HEALTHY_ONCE = ${JSON.stringify(path.join(directory, "mark"))}
file = ${JSON.stringify(file)}
start = health.service_start(file)
print(json.dumps(${question}))`;
  return JSON.parse((await execa("python3", ["-c", program])).stdout);
}

test("a container is ended for its service when that was healthy since it started, or has had the time", async (context) => {
  const own = String(process.pid);
  assert.equal(await ask(context, "health.may_end(start, 3600)", own), false);
  assert.equal(await ask(context, "health.may_end(start, 0)", own), true);
  assert.equal(await ask(context, "(health.remember_healthy(start), health.may_end(start, 3600))[1]", own), true);
  // Healthy was the start before this one.
  assert.equal(await ask(context, "(health.remember_healthy(start - 1), health.may_end(start, 3600))[1]", own), false);
  assert.equal(await ask(context, "start == health.service_start(None)", "1"), true);
});

test("no container is ended while its service is away on purpose: the file is not there, or names nobody", async (context) => {
  for (const pidFile of [undefined, "", "4194305"])
    assert.deepEqual(await ask(context, "[start, health.may_end(start, 0)]", pidFile), [null, false]);
});
