import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { before, test } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execa } from "execa";
import { adapterFor, lockOf, TOKEN } from "../../adapter/testing.ts";
import { asking } from "../../bootstrap/prepare.ts";
import { preparePython } from "../../bootstrap/python.ts";
import { cached, step } from "../../bootstrap/steps.ts";
import { exactVersions, prepareGo } from "../../lab/pulumi/go.ts";
import { npmPrograms, type Programs } from "./programs.ts";

// Clients of other makers, each in its own language and with both transports: what they list is what is approved, they call it many
// times at once, and what is withheld is refused.
const folder = path.join(import.meta.dirname, "clients");
const ask = asking(true);
const TIMEOUT_MS = 120_000;

/** What each client prints. */
interface Said {
  readonly tools: readonly string[];
  readonly right: number;
  readonly withheld: "refused" | "answered";
}

let programs: Programs;
let server: readonly string[];
let lock: ReturnType<typeof lockOf>;

before(async () => {
  programs = await npmPrograms();
  server = [
    process.execPath,
    path.join(programs.modules, "@modelcontextprotocol/server-everything/dist/index.js"),
    "stdio",
  ];
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({
      command: server[0]!,
      args: server.slice(1),
      stderr: "ignore",
      env: process.env as never,
    }),
  );
  lock = lockOf((await client.listTools()).tools.filter(({ name }) => name !== "get-env"));
  await client.close();
});

const python =
  (requirements: string, script: string) =>
  async (...args: string[]) => {
    const bin = await preparePython(`Clients of ${requirements}`, path.join(folder, requirements), ask);
    return execa(path.join(bin, "python3"), ["-B", path.join(folder, script), ...args], { timeout: TIMEOUT_MS });
  };

async function go(...args: string[]) {
  const { command, env } = await prepareGo(ask);
  const module = path.join(folder, "go");
  const options = { cwd: module, env: { ...env, ...exactVersions } };
  const sources = await Promise.all(["go.mod", "go.sum", "main.go"].map((file) => readFile(path.join(module, file))));
  const built = await cached("adapter-go-client", [command, ...sources], (output) =>
    step("Build the client of the Go SDK", async (run) => {
      await run(command, ["vet", "./..."], options);
      await run(command, ["build", "-o", path.join(output, "client"), "."], options);
    }),
  );
  return execa(path.join(built, "client"), args, { timeout: TIMEOUT_MS });
}

const aiSdk = (...args: string[]) =>
  execa(programs.node, [path.join(folder, "ai-sdk.mjs"), ...args], {
    env: { AI_SDK_MCP: path.join(programs.modules, "@ai-sdk/mcp/dist/index.js") },
    timeout: TIMEOUT_MS,
  });

const clients: Readonly<Record<string, (...args: string[]) => Promise<{ readonly stdout: unknown }>>> = {
  "the Python SDK 1.10.1, as LiteLLM 1.77.3 has it": python("mcp-1.txt", "mcp_1.py"),
  "the Python SDK 2.3.0": python("mcp-2.txt", "mcp_2.py"),
  "FastMCP 4.1.2": python("fastmcp.txt", "fast_mcp.py"),
  "the Go SDK 1.8.0": go,
  "the AI SDK's client 2.0.99": aiSdk,
};

for (const [name, client] of Object.entries(clients))
  for (const kind of ["sse", "http"])
    test(`${name} lists and calls over ${kind}`, async (t) => {
      const { url, isUp } = await adapterFor(t, { command: server, lock });
      await isUp();
      const said = JSON.parse(String((await client(kind, url, TOKEN)).stdout)) as Said;
      assert.deepEqual(said, { tools: Object.keys(lock).sort(), right: 20, withheld: "refused" });
      await assert.rejects(client(kind, url, "another-token-0123456789"), "without the token it gets nothing");
    });

for (const kind of ["sse", "http"])
  test(`the MCP Inspector 2.12.0 lists and calls over ${kind}`, async (t) => {
    const { url, isUp } = await adapterFor(t, { command: server, lock });
    await isUp();
    const inspect = async (token: string, ...args: string[]) => {
      const address = `${url}/${kind === "sse" ? "sse" : "mcp"}`;
      const program = path.join(programs.modules, ".bin/mcp-inspector");
      const header = ["--header", `Authorization: Bearer ${token}`];
      const { stdout } = await execa(
        programs.node,
        [program, "--cli", address, "--transport", kind, ...header, ...args],
        { env: { MCP_INSPECTOR_SECRET_STORE: "memory" }, timeout: TIMEOUT_MS },
      );
      return JSON.parse(stdout) as { tools: { name: string }[]; content: { text: string }[]; isError?: boolean };
    };
    const { tools } = await inspect(TOKEN, "--method", "tools/list");
    assert.deepEqual(tools.map((tool) => tool.name).sort(), Object.keys(lock).sort());
    const call = ["--method", "tools/call", "--tool-name"];
    const { content } = await inspect(TOKEN, ...call, "echo", "--tool-arg", "message=hello ✓");
    assert.deepEqual(content, [{ type: "text", text: "Echo: hello ✓" }]);
    await assert.rejects(inspect(TOKEN, ...call, "get-env"));
    await assert.rejects(inspect("another-token-0123456789", "--method", "tools/list"));
  });
