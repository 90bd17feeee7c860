import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";
import { cacheDir } from "../../bootstrap/steps.ts";
import { type Served, startVsCode } from "./browser-apps.ts";
import { startBrowser } from "./browser.ts";
import { removeLeftovers } from "./docker.ts";
import { listTools, withMcp } from "./gateway.ts";
import { startServer } from "./vscode-window.ts";
import { Workspace } from "./workspace.ts";

// VS Code with the file of `npm run clients`, in a real browser, without the internet.
const PREFIX = "e2e-vscode-";
const PORT = 30600;
const POSTGRES_PORT = 31232;
/** Of two languages: the schemas of Python's SDK have no `$schema`, those of TypeScript's do. */
const SERVERS = ["everything", "time"];
const ASKS = "LiteLLM key of client vscode";

let workspace: Workspace;
let browser: Browser;
let vsCode: Served;
/** A project with the written file. */
let project: string;
const folders: string[] = [];

async function newFolder(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "litellm-mcp-vscode-"));
  folders.push(made);
  return made;
}

before(async () => {
  await removeLeftovers(PREFIX);
  browser = await startBrowser();
  vsCode = await startVsCode(await newFolder());
  workspace = await Workspace.create("vscode", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:servers": { everything: { enabled: true } },
    "litellm-mcp:clients": { "test-key": {}, vscode: { tools: { everything: { deny: ["echo"] } } } },
  });
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
});

after(async () => {
  await vsCode?.stop();
  await browser?.close();
  await workspace.end();
  await removeLeftovers(PREFIX);
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

test("a stack is deployed, and the file is written", async () => {
  assert.equal((await workspace.run("pulumi", ["stack", "init", "vscode"])).exitCode, 0);
  const up = await workspace.up();
  assert.equal(up.exitCode, 0, up.output);
  const written = await newFolder();
  const files = await workspace.run(
    "npm",
    ["run", "--silent", "clients", "--", "--stack", "vscode", "--client", "vscode", "--out", written],
    { env: { LITELLM_MCP_LAB_CACHE: cacheDir } },
  );
  assert.equal(files.exitCode, 0, files.output);
  project = await newFolder();
  await cp(path.join(written, "vscode/vscode"), project, { recursive: true });
});

test("VS Code asks for the key, starts the server, and discovers what the gateway lists for this client", async () => {
  const { gateway, clientKeys, tools } = await workspace.outputs();
  const listed = await listTools(gateway, clientKeys["vscode"]);
  assert.equal(listed.length, Object.values(tools).flat().length - 1, "all but the one that it may not call");
  const withSchema = await withMcp(gateway, clientKeys["vscode"], async (client) =>
    (await client.listTools()).tools.filter(({ inputSchema }) => "$schema" in inputSchema),
  );
  assert.ok(withSchema.length > 0 && withSchema.length < listed.length, `${withSchema.length} of ${listed.length}`);

  const key = clientKeys["vscode"]!;
  const shown = await startServer(browser, vsCode, project, { asks: ASKS, key, logged: "Discovered", name: "vscode" });
  assert.match(shown.log, /Connection state: Running/);
  assert.match(shown.log, new RegExp(`Discovered ${listed.length} tools`));
  assert.doesNotMatch(shown.log, /omitted/);
  assert.match(shown.entry, new RegExp(`^Running\\b.*\\b${listed.length} tools\\b`, "s"));
});

test("VS Code with a wrong key offers OAuth; that cancelled, its log has the gateway's text, and no tool is there", async () => {
  const shown = await startServer(browser, vsCode, project, {
    ...{ asks: ASKS, key: "sk-of-nobody", dialog: "Dynamic Client Registration not supported" },
    ...{ logged: "Connection state: Error", name: "vscode-wrong-key" },
  });
  assert.match(shown.log, /401 status .*wrong key: this gateway has no client with it/);
  assert.doesNotMatch(shown.log, /Discovered/);
  assert.match(shown.entry, /^Error\b/);
  assert.doesNotMatch(shown.entry, /tools/);
});
