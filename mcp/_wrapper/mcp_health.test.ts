import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { SSEServerTransport } from "@modelcontextprotocol/sdk/server/sse.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { ListToolsRequestSchema, type Tool } from "@modelcontextprotocol/sdk/types.js";

const script = fileURLToPath(new URL("./mcp_health.py", import.meta.url));
const servers: http.Server[] = [];
after(() => servers.forEach((server) => (server.closeAllConnections(), server.close())));

async function listen(handle: http.RequestListener): Promise<string> {
  const server = http.createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const tool: Tool = { name: "echo", inputSchema: { type: "object" } };

/** A server of the official SDK with these tools. */
function mcpServer(tools: Tool[]): Server {
  const server = new Server({ name: "test", version: "1.0.0" }, { capabilities: { tools: {} } });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }));
  return server;
}

/** Streamable HTTP with sessions; answers as JSON or as a stream of events. */
async function overHttp(tools: Tool[], json: boolean): Promise<{ url: string; deleted: () => number }> {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: () => "session-1", enableJsonResponse: json });
  await mcpServer(tools).connect(transport);
  let deleted = 0;
  const url = await listen((request, response) => {
    if (request.method === "DELETE") deleted += 1;
    void transport.handleRequest(request, response);
  });
  return { url: `${url}/mcp`, deleted: () => deleted };
}

async function overSse(tools: Tool[]): Promise<string> {
  const sessions = new Map<string, SSEServerTransport>();
  const url = await listen((request, response) => {
    const { pathname, searchParams } = new URL(request.url!, "http://server");
    if (pathname === "/sse") {
      const transport = new SSEServerTransport("/messages", response);
      sessions.set(transport.sessionId, transport);
      void mcpServer(tools).connect(transport);
    } else void sessions.get(searchParams.get("sessionId")!)!.handlePostMessage(request, response);
  });
  return `${url}/sse`;
}

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly seconds: number;
}

const check = (args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> => {
  const started = Date.now();
  return new Promise((resolve) =>
    execFile("python3", [script, "--timeout", "1", ...args], { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error ? -1 : 0, output: stdout + stderr, seconds: (Date.now() - started) / 1000 }),
    ),
  );
};

for (const json of [true, false])
  test(`streamable HTTP with a tool is healthy (answers as ${json ? "JSON" : "events"}), and its session is ended`, async () => {
    const { url, deleted } = await overHttp([tool], json);
    assert.deepEqual({ ...(await check(["--transport", "http", "--url", url])), seconds: 0 }, { code: 0, output: "healthy\n", seconds: 0 });
    assert.equal(deleted(), 1);
  });

test("SSE with a tool is healthy", async () => {
  const { code, output } = await check(["--transport", "sse", "--url", await overSse([tool])]);
  assert.deepEqual({ code, output }, { code: 0, output: "healthy\n" });
});

test("a server without tools is not", async () => {
  for (const args of [
    ["--transport", "http", "--url", (await overHttp([], true)).url],
    ["--transport", "sse", "--url", await overSse([])],
  ]) {
    const { code, output } = await check(args);
    assert.deepEqual({ code, output }, { code: 1, output: "unhealthy: Unhealthy: tools/list is empty\n" });
  }
});

test("a server that accepts and never answers is given up, attempt by attempt", async () => {
  const url = await listen(() => {});
  for (const transport of ["http", "sse"]) {
    const { code, output, seconds } = await check(["--transport", transport, "--url", url, "--attempts", "2"]);
    assert.equal(code, 1);
    assert.match(output, /^unhealthy: TimeoutError: timed out\n$/);
    assert.ok(seconds > 2 && seconds < 6, `${seconds} s`);
  }
});

test("what a server answers instead is said", async () => {
  const url = await listen((_, response) => response.writeHead(500).end("out of order"));
  assert.match((await check(["--transport", "http", "--url", `${url}/mcp`])).output, /^unhealthy: Unhealthy: POST \/mcp answered 500 out of order\n$/);
  assert.match((await check(["--transport", "sse", "--url", `${url}/sse`])).output, /^unhealthy: Unhealthy: GET \/sse answered 500 out of order\n$/);
});

test("a port that nobody listens on is unhealthy", async () => {
  assert.match((await check(["--transport", "http", "--url", "http://127.0.0.1:9/mcp"])).output, /^unhealthy: ConnectionRefusedError/);
});

test("with --initialize-only nothing is listed; the bearer token goes along", async () => {
  const seen: string[] = [];
  const url = await listen((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += chunk));
    request.on("end", () => {
      seen.push(`${request.headers.authorization} ${(JSON.parse(text) as { method: string }).method}`);
      response.writeHead(200, { "content-type": "application/json" }).end('{"jsonrpc":"2.0","id":1,"result":{}}');
    });
  });
  const args = ["--transport", "http", "--url", url, "--initialize-only", "--bearer-env", "KEY_OF_TEST"];
  assert.equal((await check(args, { KEY_OF_TEST: "sk-1" })).code, 0);
  assert.deepEqual(seen, ["Bearer sk-1 initialize"]);
  assert.match((await check(args)).output, /^unhealthy: KeyError: 'KEY_OF_TEST'\n$/);
});
