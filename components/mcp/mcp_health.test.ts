import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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

/** Never with --kill-after, see `checkThatMayKill`. */
async function check(args: readonly string[], env: Record<string, string> = {}) {
  // A check that never ends fails its test, which would otherwise never end either.
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

/** Serves one session at a time by the SDK; `methods` are the HTTP methods of the requests that arrived. */
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

/** Streamable HTTP without the SDK: `initialize` is answered correctly, everything else by `then`. */
const afterInitialize =
  (then: (request: IncomingMessage, response: ServerResponse, method: string | undefined) => void): RequestListener =>
  (request, response) => {
    const parts: Buffer[] = [];
    request
      .on("data", (part: Buffer) => parts.push(part))
      .on("end", () => {
        const message = parts.length
          ? (JSON.parse(Buffer.concat(parts).toString()) as { id?: number; method: string })
          : undefined;
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
  assert.deepEqual(await check(["--transport", "sse", "--url", await sdkSse(context, ["echo"])]), {
    exitCode: 0,
    stdout: "healthy",
  });
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
  assert.deepEqual(
    { exitCode, stdout, requests },
    { exitCode: 1, stdout: "unhealthy: the variable TOKEN_NOT_THERE (--bearer-env) is not set", requests: 0 },
  );
});

test("a server that lets no client end sessions (405 to DELETE) is healthy", async (context) => {
  const url = await listen(
    context,
    afterInitialize((request, response, method) => {
      if (request.method === "DELETE") response.writeHead(405).end();
      else if (method === "tools/list")
        response.writeHead(200, { "Content-Type": "application/json" }).end('{"id":2,"result":{"tools":[{}]}}');
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
  const frozen = await listen(
    context,
    afterInitialize(() => undefined),
  );
  const cases = [
    ["http", silent],
    ["sse", pinging],
    ["http", frozen],
  ] as const;
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

/**
 * The script with files of the test for what it remembers and for the kernel's table of connections. Its kill only
 * prints that it would: outside a container it would end every process of the user.
 */
async function checkThatMayKill(context: TestContext, args: readonly string[]) {
  const folder = await mkdtemp(path.join(tmpdir(), "mcp-health-"));
  context.after(() => rm(folder, { recursive: true }));
  const files = { memory: path.join(folder, "memory"), connections: path.join(folder, "tcp") };
  const program = `import importlib.util, os, sys
script, memory, connections = sys.argv[1:4]
spec = importlib.util.spec_from_file_location("mcp_health", script)
health = importlib.util.module_from_spec(spec)
spec.loader.exec_module(health)
health.MEMORY, health.CONNECTIONS = memory, (connections,)
os.kill = lambda *_: print("killed")
sys.argv = [script, *sys.argv[4:]]
sys.exit(health.main())`;
  const run = async (...more: readonly string[]) => {
    const { exitCode, stdout, stderr } = await execa(
      "python3",
      ["-c", program, script, files.memory, files.connections, ...args, ...more],
      { reject: false, timeout: 10_000 },
    );
    assert.equal(stderr, "");
    return { exitCode, healthy: stdout.startsWith("healthy"), killed: stdout.endsWith("killed"), stdout };
  };
  return { ...files, run };
}

/** Longer than any host of a test has been up: only a container that came up is ended. */
const NEVER_OLD_ENOUGH = String(1e12);

test("a container that never came up is not ended; one whose --alive-url answered once is, without having been healthy", async (context) => {
  let up = false;
  const url = await listen(context, (request, response) => {
    if (!up) request.socket.destroy();
    else response.writeHead(request.url === "/alive" ? 503 : 500).end();
  });
  const { run } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    `${url}/mcp`,
    "--alive-url",
    `${url}/alive`,
    "--kill-after",
    NEVER_OLD_ENOUGH,
  ]);
  const starting = await run();
  assert.deepEqual([starting.exitCode, starting.killed], [1, false], starting.stdout);
  up = true;
  assert.equal((await run()).killed, true);
  up = false;
  assert.equal((await run()).killed, true, "it is remembered");
});

test("what was remembered during an earlier start of the container is ignored", async (context) => {
  const url = await listen(context, (_, response) => response.writeHead(500).end());
  const { run, memory } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    url,
    "--kill-after",
    NEVER_OLD_ENOUGH,
  ]);
  for (const written of [
    '{"start": 0, "came_up": true, "exchanged": null, "failing_since": null}',
    "12345",
    "no JSON",
  ]) {
    await writeFile(memory, written);
    assert.equal((await run()).killed, false, written);
  }
});

test("with --every the exchange is made once in that time, and at the next run after a failure", async (context) => {
  const seen: string[] = [];
  let broken = false;
  const url = await listen(context, (request, response) => {
    seen.push(request.url!);
    if (broken) request.socket.destroy();
    else if (request.url === "/alive") response.writeHead(200).end();
    else afterInitialize((_, answer) => answer.writeHead(200).end())(request, response);
  });
  const { run, memory } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    `${url}/mcp`,
    "--initialize-only",
    "--alive-url",
    `${url}/alive`,
    "--every",
    "60",
  ]);
  const asked = async () => {
    seen.length = 0;
    const { healthy } = await run();
    return [healthy, ...seen];
  };
  const exchange = ["/alive", "/mcp", "/mcp"];
  assert.deepEqual(await asked(), [true, ...exchange]);
  assert.deepEqual(await asked(), [true, "/alive"]);
  broken = true;
  assert.deepEqual(await asked(), [false, "/alive"]);
  broken = false;
  assert.deepEqual(await asked(), [true, ...exchange]);
  assert.deepEqual(await asked(), [true, "/alive"]);
  const found = JSON.parse(await readFile(memory, "utf8")) as { exchanged: number };
  await writeFile(memory, JSON.stringify({ ...found, exchanged: found.exchanged - 61 }));
  assert.deepEqual(await asked(), [true, ...exchange]);
});

test("--every without --alive-url is refused", async () => {
  const { exitCode } = await check(["--transport", "http", "--url", "http://127.0.0.1:1/", "--every", "60"]);
  assert.equal(exitCode, 2);
});

test("a container that is being called is not ended, until it has failed for too long", async (context) => {
  const url = await listen(context, (_, response) => response.writeHead(500).end());
  const port = Number(new URL(url).port).toString(16).toUpperCase().padStart(4, "0");
  const limits = ["--kill-after", "0", "--in-flight-limit", "600"];
  const { run, memory, connections } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    url,
    ...limits,
  ]);
  const table = async (...lines: readonly string[]) => {
    await rm(memory, { force: true });
    await writeFile(
      connections,
      [
        "  sl  local_address rem_address   st tx_queue",
        ...lines.map((line, at) => `   ${at}: ${line} 00000000:00000000`),
        "",
      ].join("\n"),
    );
  };
  const called = `050012AC:${port} 020012AC:D431 01`;
  for (const [what, line, ends] of [
    ["a call over IPv4", called, false],
    ["a call over IPv6", `0000000000000000FFFF0000050012AC:${port} 0000000000000000FFFF0000020012AC:D431 01`, false],
    [
      "a call over IPv6 alone",
      `000080FE000000000000000001000000:${port} 000080FE000000000000000002000000:D431 01`,
      false,
    ],
    ["the check itself", `0100007F:${port} 0100007F:D431 01`, true],
    [
      "the check itself, over IPv6",
      `0000000000000000FFFF00000100007F:${port} 0000000000000000FFFF00000100007F:D431 01`,
      true,
    ],
    [
      "the check itself, over IPv6 alone",
      `00000000000000000000000001000000:${port} 00000000000000000000000001000000:D431 01`,
      true,
    ],
    ["a call that its client has given up", `050012AC:${port} 020012AC:D431 08`, true],
    ["the listener", `00000000:${port} 00000000:0000 0A`, true],
    ["a connection that the server made", `050012AC:D431 020012AC:${port} 01`, true],
  ] as const) {
    await table(line);
    const { killed, stdout } = await run();
    assert.equal(killed, ends, `${what}: ${stdout}`);
    if (!ends) assert.match(stdout, /^unhealthy: POST  answered 500 \nnot ended, because a call is in flight$/);
  }
  await table(called);
  assert.equal((await run()).killed, false);
  assert.equal((await run()).killed, false);
  const found = JSON.parse(await readFile(memory, "utf8")) as { failing_since: number };
  await writeFile(memory, JSON.stringify({ ...found, failing_since: found.failing_since - 601 }));
  assert.equal((await run()).killed, true);
});

test("where nothing can be remembered, a container that is being called is ended", async (context) => {
  const url = await listen(context, (_, response) => response.writeHead(500).end());
  const { run, memory, connections } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    url,
    "--kill-after",
    "0",
    "--in-flight-limit",
    "600",
  ]);
  await writeFile(
    connections,
    `header\n 0: 050012AC:${Number(new URL(url).port).toString(16).padStart(4, "0")} 020012AC:D431 01 0\n`,
  );
  assert.equal((await run()).killed, false);
  await rm(memory);
  await execa("mkdir", [memory]);
  assert.equal((await run()).killed, true);
});

test("with --pid-file the service is the process that the file names, and its start is what is remembered", async (context) => {
  const url = await listen(context, (request, response) =>
    response.writeHead(request.url === "/alive" ? 200 : 500).end(),
  );
  const { run, memory } = await checkThatMayKill(context, [
    "--transport",
    "http",
    "--url",
    `${url}/mcp`,
    "--alive-url",
    `${url}/alive`,
    "--kill-after",
    NEVER_OLD_ENOUGH,
  ]);
  const pidFile = `${memory}.pid`;
  const killed = async (pid: string | undefined) => {
    if (pid === undefined) await rm(pidFile, { force: true });
    else await writeFile(pidFile, pid);
    return (await run("--pid-file", pidFile)).killed;
  };
  assert.equal(await killed(String(process.pid)), true, "it came up, and fails");
  // Away on purpose: the program that writes the file is just restarting the service.
  for (const pid of [undefined, "", "4194305"]) assert.equal(await killed(pid), false, `the file names ${pid}`);
  const remembered = JSON.parse(await readFile(memory, "utf8")) as { start: number | null };
  assert.equal(remembered.start, null);
});
