import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { stringify } from "yaml";
import { writeToolLock } from "../../approval/tool-lock.ts";
import { listAtAdapters } from "../../components/gateway/check/adapters.ts";
import { bridgeAddress, leftovers, removeLeftovers } from "../e2e/docker.ts";
import { callTool, eventually, listTools } from "../e2e/gateway.ts";
import { Workspace } from "../e2e/workspace.ts";
import { NPM_SERVERS, SERVER_TOKEN, startNpmServer } from "./npm-servers.ts";
import { npmPrograms, type Programs } from "./programs.ts";

// Servers of npm over streamable HTTP, behind their adapters in a real stack. LiteLLM 1.77.3 says its revision of the protocol twice,
// and servers of the TypeScript SDK refuse that: without an adapter it lists no tool of theirs.
const STACK = "e2e-npm";
const PREFIX = `${STACK}-`;
const GATEWAY_PORT = 14600;
const DOCKER = "unix:///var/run/docker.sock";
const FIRST_PORT = 14610;

/** The catalogue has servers of these names, too. */
const inStack = (name: string) => `npm_${name}`;
const portOf = (name: string) => FIRST_PORT + Object.keys(NPM_SERVERS).indexOf(name);
const names = Object.keys(NPM_SERVERS);

let workspace: Workspace;
let programs: Programs;
let address: string;
let gateway: string;
let key: string;
const running = new Map<string, Awaited<ReturnType<typeof startNpmServer>>>();
/** How many tools each lists. */
const tools = new Map<string, number>();

const start = async (name: string) =>
  running.set(name, await startNpmServer(programs, NPM_SERVERS[name]!, address, portOf(name)));

const call = (name: string) => {
  const { tool, arguments: args } = NPM_SERVERS[name]!.call;
  return callTool(gateway, key, `${inStack(name)}-${tool}`, args).catch((error: Error) => error.message);
};

const up = () => workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);

before(async () => {
  await removeLeftovers(PREFIX);
  [programs, address] = await Promise.all([npmPrograms(), bridgeAddress()]);
  for (const name of names) await start(name);
  workspace = await Workspace.create(STACK, {});
  const off = Object.fromEntries((await workspace.serverFolders()).map((name) => [name, { enabled: false }]));
  await workspace.writeConfig({
    "litellm-mcp:docker": { host: DOCKER },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: GATEWAY_PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: 15610 },
    "litellm-mcp:servers": off,
  });
  assert.equal((await workspace.run("pulumi", ["stack", "init", STACK])).exitCode, 0);
  const secret = ["config", "set", "--secret", "--path", "litellm-mcp:secrets.npmToken", SERVER_TOKEN];
  assert.equal((await workspace.pulumi(...secret)).exitCode, 0);
  for (const [name, { token, package: from }] of Object.entries(NPM_SERVERS)) {
    await mkdir(path.join(workspace.root, "mcp", inStack(name)));
    await writeFile(
      path.join(workspace.root, "mcp", inStack(name), "server.yaml"),
      stringify({
        description: `${from}, on this machine`,
        source: { url: running.get(name)!.url },
        transport: { kind: "http" },
        ...(token && { bearerToken: "npmToken" }),
      }),
    );
  }
});

after(async () => {
  await workspace.end();
  await Promise.all([...running.values()].map(({ stop }) => stop()));
  await removeLeftovers(PREFIX);
  assert.deepEqual(await leftovers(PREFIX), []);
});

test("each of these servers refuses what LiteLLM 1.77.3 sends", async (t) => {
  for (const [name, { token }] of Object.entries(NPM_SERVERS)) {
    const headers = token ? { authorization: `Bearer ${SERVER_TOKEN}` } : {};
    const { url } = running.get(name)!;
    const client = new Client({ name: "e2e", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
    await client.connect(transport);
    const listed = (await client.listTools()).tools.length;
    assert.ok(listed > 0, name);
    tools.set(name, listed);
    const { sessionId } = transport;
    const answer = await fetch(url, {
      method: "POST",
      headers: {
        ...headers,
        ...(sessionId && { "mcp-session-id": sessionId }),
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "mcp-protocol-version": "2025-06-18, 2025-06-18",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
    });
    assert.equal(answer.status, 400, `${name}: ${await answer.text()}`);
    const { name: said, version } = client.getServerVersion()!;
    t.diagnostic(`${name} (${said} ${version}): ${listed} tools, ${sessionId ? "with" : "without"} sessions`);
    await client.close();
  }
});

test("up stops at servers that nobody approved; with what the adapters list as tool locks, up is green", async () => {
  const first = await up();
  assert.equal(first.exitCode, 1, first.output);
  for (const name of names) assert.match(first.output, new RegExp(`"${inStack(name)}"`));
  const containers = names.map((name) => `${PREFIX}mcp-${inStack(name)}`);
  const listed = await listAtAdapters({ host: DOCKER, sshOpts: [] }, containers);
  for (const name of names) {
    const at = listed.get(`${PREFIX}mcp-${inStack(name)}`)!;
    assert.ok("tools" in at, JSON.stringify(at));
    await writeFile(path.join(workspace.root, "mcp", inStack(name), "tools.lock.json"), writeToolLock(at.tools));
  }
  const second = await up();
  assert.equal(second.exitCode, 0, second.output);
  for (const name of names) assert.match(second.output, new RegExp(`│ ${inStack(name)} +│ ${tools.get(name)} `));
  const outputs = await workspace.outputs();
  gateway = outputs.gateway;
  key = outputs.clientKeys["test-key"]!;
});

test("a client lists every tool of every server through LiteLLM", async () => {
  const listed = await listTools(gateway, key, { newer: true });
  for (const name of names)
    assert.equal(listed.filter((tool) => tool.startsWith(`${inStack(name)}-`)).length, tools.get(name), name);
});

for (const [name, server] of Object.entries(NPM_SERVERS))
  test(`${server.package} answers a call through LiteLLM`, async (t) => {
    const answer = await call(name);
    t.diagnostic(`${server.call.tool}: ${answer.replace(/\s+/g, " ").slice(0, 160)}`);
    assert.match(answer, server.call.says);
  });

test("servers that are started again have lost their sessions, and answer all the same", async () => {
  for (const name of names) await running.get(name)!.stop();
  assert.match(await call("everything"), /cannot be reached|is away/);
  for (const name of names) await start(name);
  for (const name of names)
    await eventually(`${name} answers again`, 90, async () => NPM_SERVERS[name]!.call.says.test(await call(name)));
});
