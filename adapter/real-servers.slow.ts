import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { execa } from "execa";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { Remote } from "./remote.ts";
import { adapterFor, lockOf, say, TOKEN, until } from "./testing.ts";

/** Servers and clients of others, kept from one run to the next. */
const cache = process.env.ADAPTER_TEST_CACHE ?? path.join(tmpdir(), "adapter-test-packages");
const NPM = [
  "@modelcontextprotocol/server-everything@2026.8.31",
  "@modelcontextprotocol/server-filesystem@2026.8.31",
  "@modelcontextprotocol/server-memory@2026.8.31",
];
/** What LiteLLM 1.77.3 has as its client. */
const PYTHON = ["mcp==1.10.1", "pydantic==2.11.7"];
/** The newest framework for servers in Python, with the second version of its SDK. */
const FASTMCP = ["fastmcp==4.1.2"];

mkdirSync(cache, { recursive: true });
if (!existsSync(path.join(cache, "node_modules/@modelcontextprotocol/server-memory")))
  execFileSync("npm", ["install", "--prefix", cache, "--ignore-scripts", "--no-fund", "--no-audit", ...NPM]);
const python = path.join(cache, "venv/bin/python");
if (!existsSync(path.join(cache, "venv/bin/mcp"))) {
  execFileSync("python3", ["-m", "venv", path.join(cache, "venv")]);
  execFileSync(python, ["-m", "pip", "install", "--quiet", ...PYTHON]);
}
const fastmcp = path.join(cache, "venv-fastmcp/bin/python");
if (!existsSync(path.join(cache, "venv-fastmcp/bin/fastmcp"))) {
  execFileSync("python3", ["-m", "venv", path.join(cache, "venv-fastmcp")]);
  execFileSync(fastmcp, ["-m", "pip", "install", "--quiet", ...FASTMCP]);
}

const server = (name: string, ...args: string[]) => [
  process.execPath,
  path.join(cache, `node_modules/@modelcontextprotocol/server-${name}/dist/index.js`),
  ...args,
];

/** The server as it is without the adapter. */
async function direct(command: readonly string[]): Promise<Client> {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({
      command: command[0]!,
      args: command.slice(1),
      stderr: "ignore",
      env: process.env as Record<string, string>,
    }),
  );
  return client;
}

for (const transport of ["sse", "http"] as const)
  test(`${transport}: server-everything says through the adapter what it says directly`, async (t) => {
    const command = server("everything", "stdio");
    const itself = await direct(command);
    t.after(() => itself.close());
    const { connect, isUp } = await adapterFor(t, { command });
    await isUp();
    const client = await connect(transport);
    assert.deepEqual(client.getServerVersion(), itself.getServerVersion());
    assert.equal(client.getInstructions(), itself.getInstructions());
    assert.deepEqual(await client.listTools(), await itself.listTools());
    for (const [name, args] of [
      ["echo", { message: "hello" }],
      ["get-sum", { a: 2, b: 40 }],
      ["get-tiny-image", {}],
      ["get-structured-content", { location: "Chicago" }],
      ["get-annotated-message", { messageType: "error", includeImage: true }],
      ["get-resource-reference", { resourceType: "Text", resourceId: 1 }],
      ["get-resource-links", { count: 3 }],
      ["no-such-tool", {}],
    ] as const)
      assert.deepEqual(
        withoutTime(await client.callTool({ name, arguments: args })),
        withoutTime(await itself.callTool({ name, arguments: args })),
        name,
      );
    assert.deepEqual(await client.listPrompts(), await itself.listPrompts());
    assert.deepEqual(await client.listResources(), await itself.listResources());
    assert.deepEqual(await client.listResourceTemplates(), await itself.listResourceTemplates());
    const [prompt] = (await itself.listPrompts()).prompts;
    assert.deepEqual(await client.getPrompt({ name: prompt!.name }), await itself.getPrompt({ name: prompt!.name }));
    const [resource] = (await itself.listResources()).resources;
    assert.deepEqual(
      await client.readResource({ uri: resource!.uri }),
      await itself.readResource({ uri: resource!.uri }),
    );
    const heard: number[] = [];
    await client.callTool({ name: "trigger-long-running-operation", arguments: { duration: 1, steps: 4 } }, undefined, {
      onprogress: ({ progress }) => heard.push(progress),
    });
    assert.deepEqual(heard.slice(0, 3), [1, 2, 3]);
  });

/** Resources that are made when they are asked for say when. */
const withoutTime = (value: unknown) => JSON.stringify(value).replace(/\d+:\d+:\d+( [AP]M)?/g, "");

test("the filesystem and memory servers keep what they were told over sessions, with a lock of their tools", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "adapter-test-"));
  for (const [name, command] of [
    ["filesystem", server("filesystem", folder)],
    ["memory", ["env", `MEMORY_FILE_PATH=${folder}/memory.jsonl`, ...server("memory")]],
  ] as const) {
    const itself = await direct(command);
    const { tools } = await itself.listTools();
    await itself.close();
    const { connect, isUp, upstream } = await adapterFor(t, { command, lock: lockOf(tools) });
    await isUp();
    assert.equal(upstream.catalogue.tools.length, tools.length, name);
    assert.equal(upstream.catalogue.withheld, 0);
    const [one, two] = [await connect("sse"), await connect("http")];
    if (name === "filesystem") {
      await say(one, "write_file", { path: `${folder}/a.txt`, content: "written" });
      assert.match(await say(two, "read_text_file", { path: `${folder}/a.txt` }), /written/);
      assert.match(await say(two, "read_text_file", { path: "/etc/passwd" }), /denied/);
    } else {
      await say(one, "create_entities", { entities: [{ name: "a", entityType: "b", observations: ["c"] }] });
      assert.match(await say(two, "read_graph"), /"a"/);
    }
  }
});

test("the client that LiteLLM 1.77.3 has lists and calls, many at once", async (t) => {
  const { url, isUp } = await adapterFor(t, { command: server("everything", "stdio") });
  await isUp();
  const script = path.join(mkdtempSync(path.join(tmpdir(), "adapter-test-")), "client.py");
  writeFileSync(script, PYTHON_CLIENT);
  const { stdout } = await execa(python, [script, url, TOKEN]);
  assert.deepEqual(JSON.parse(stdout), { sse: [13, 60], http: [13, 60], protocol: ["2025-06-18"] });
});

/** As LiteLLM does it: a session for each list and each call. */
const PYTHON_CLIENT = `
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client
url, token = sys.argv[1:]
headers = {"Authorization": f"Bearer {token}"}
protocols = set()
async def session(transport, use):
    connect = sse_client(url + "/sse", headers=headers) if transport == "sse" else streamablehttp_client(url + "/mcp", headers=headers)
    async with connect as (read, write, *_):
        async with ClientSession(read, write) as session:
            protocols.add((await session.initialize()).protocolVersion)
            return await use(session)
async def call(transport, at):
    result = await session(transport, lambda s: s.call_tool("echo", {"message": f"{transport} {at}"}))
    return result.content[0].text == f"Echo: {transport} {at}"
async def main():
    said = {}
    for transport in ("sse", "http"):
        tools = await session(transport, lambda s: s.list_tools())
        right = 0
        for wave in range(3):
            right += sum(await asyncio.gather(*(call(transport, wave * 20 + at) for at in range(20))))
        said[transport] = [len(tools.tools), right]
    print(json.dumps({**said, "protocol": sorted(protocols)}))
asyncio.run(main())
`;

/** A server that runs elsewhere: at a port of this machine, as often as it is started. */
async function elsewhere(t: TestContext, command: (port: number) => readonly string[], env: NodeJS.ProcessEnv = {}) {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  let running: ChildProcess | undefined;
  const start = () => {
    const [program = "", ...args] = command(port);
    running = spawn(program, args, { env: { ...process.env, PORT: String(port), ...env }, stdio: "ignore" });
  };
  const kill = async () => {
    running!.kill("SIGKILL");
    await once(running!, "exit");
  };
  start();
  t.after(kill);
  return { port, start, kill, pathname: "/mcp" };
}

const script = path.join(mkdtempSync(path.join(tmpdir(), "adapter-test-")), "server.py");

/** What was there before the server died, and is there again. */
async function livesThrough(
  t: TestContext,
  transport: "sse" | "http",
  { port, start, kill, pathname }: Awaited<ReturnType<typeof elsewhere>>,
  [echo, args, said]: readonly [string, object, string],
  [slow, slowArgs]: readonly [string, object],
  hasProgress = true,
) {
  const { connect, isUp, upstream } = await adapterFor(t, {
    upstream: { pingEverySeconds: 1, startSeconds: 10 },
    link: (events) =>
      new Remote(
        {
          url: new URL(`http://127.0.0.1:${port}${transport === "sse" ? "/sse" : pathname}`),
          transport,
          headers: { "x-api-key": "0123456789" },
          reach: { isPublic: false, loopback: true },
          answerBytes: 8 * 2 ** 20,
        },
        events,
      ),
  });
  await isUp();
  const started = upstream.restarts;
  const client = await connect("http");
  const { tools } = await client.listTools();
  assert.ok(tools.some(({ name }) => name === echo));
  for (const each of await Promise.all(Array.from({ length: 60 }, () => say(client, echo, args as never))))
    assert.equal(each, said);
  const heard: number[] = [];
  await client.callTool({ name: slow, arguments: { ...slowArgs, duration: 1 } }, undefined, {
    onprogress: ({ progress }) => heard.push(progress),
  });
  if (hasProgress) assert.ok(heard.length >= 2, `progress ${heard.join()}`);
  // Longer than it says nothing: a ping is answered, or the link would be another.
  const dying = say(client, slow, { ...slowArgs, duration: 60 });
  await until(() => upstream.requests.running === 1, "the call runs");
  assert.equal(upstream.restarts, started);
  await kill();
  assert.match(await dying, / unknown$/);
  start();
  await until(() => upstream.restarts > started && upstream.state === "up", "it is found again", 30_000);
  assert.equal(await say(client, echo, args as never), said);
  // At once, so that no ping sees that it was away.
  await kill();
  start();
  await until(
    async () => upstream.state === "up" && (await say(client, echo, args as never)) === said,
    "it is found again",
    30_000,
  );
  assert.deepEqual((await client.listTools()).tools, tools);
}

for (const transport of ["sse", "http"] as const)
  test(`server-everything elsewhere, over ${transport}`, async (t) => {
    const command = server("everything", transport === "sse" ? "sse" : "streamableHttp");
    await livesThrough(
      t,
      transport,
      await elsewhere(t, () => command),
      ["echo", { message: "hello" }, "Echo: hello"],
      ["trigger-long-running-operation", { steps: 4 }],
    );
  });

for (const [what, program] of [
  ["FastMCP of mcp 1.10.1", python],
  ["fastmcp 4.1.2", fastmcp],
] as const)
  for (const [transport, way] of [
    ["sse", "sse"],
    ["http", "sessions"],
    ["http", "stateless"],
    ["http", "stateless-json"],
  ] as const)
    test(`${what} elsewhere, over ${transport}, ${way}`, async (t) => {
      writeFileSync(script, PYTHON_SERVER);
      const running = await elsewhere(t, (port) => [program, script, String(port), way]);
      await livesThrough(
        t,
        transport,
        // The older one redirects to the path with a slash.
        { ...running, pathname: program === python ? "/mcp/" : "/mcp" },
        ["echo", { message: "hello" }, "Echo: hello"],
        ["slow", { steps: 4 }],
        // One body of JSON has no place for it; the older one sends it with no request, for which it then has no stream.
        way === "sse" || way === "sessions" || (way === "stateless" && program === fastmcp),
      );
    });

const PYTHON_SERVER = `
import asyncio, sys
port, way = int(sys.argv[1]), sys.argv[2]
options = {"stateless_http": way.startswith("stateless"), "json_response": way.endswith("json")}
try:
    from fastmcp import FastMCP, Context
    mcp = FastMCP("python")
    run = lambda: mcp.run(transport="sse", host="127.0.0.1", port=port) if way == "sse" else mcp.run(transport="http", host="127.0.0.1", port=port, **options)
except ImportError:
    from mcp.server.fastmcp import FastMCP, Context
    mcp = FastMCP("python", host="127.0.0.1", port=port, **options)
    run = lambda: mcp.run(transport="sse" if way == "sse" else "streamable-http")
@mcp.tool()
async def echo(message: str) -> str:
    return f"Echo: {message}"
@mcp.tool()
async def slow(duration: float, steps: int, ctx: Context) -> str:
    for at in range(steps):
        await asyncio.sleep(duration / steps)
        await ctx.report_progress(at + 1, steps)
    return "done"
run()
`;
