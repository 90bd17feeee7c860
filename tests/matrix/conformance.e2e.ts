import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test, type TestContext } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { stringify } from "yaml";
import { lockOf } from "../../adapter/testing.ts";
import { conformance, passing, startHttp, type TargetName, targets } from "../adapter/conformance.ts";
import { npmPrograms } from "../adapter/programs.ts";
import { behindProxy } from "../adapter/proxy.ts";
import { bridgeAddress, removeLeftovers } from "../e2e/docker.ts";
import { Workspace } from "../e2e/workspace.ts";
import { matrixImages, versionOf } from "./images.ts";

// The conformance suite of the protocol's own project, on each LiteLLM version: what a server passes by itself, what is
// left of it through the whole gateway, and through LiteLLM at its own port.
const PREFIX = "mxc-";
const GATEWAY_PORT = 24200;

/** Scenarios that pass, by server and way; docs/litellm-versions.md says the same. */
const EXPECTED = JSON.parse(await readFile(path.join(import.meta.dirname, "conformance.json"), "utf8")) as Record<
  TargetName,
  Record<string, readonly string[]>
>;

/** What the stack calls the servers. */
const SERVERS: Readonly<Record<TargetName, string>> = {
  "server-everything": "everything",
  "a server with all that is asked for": "conformance",
};
const NAMES = Object.keys(SERVERS) as TargetName[];

const programs = await npmPrograms();
const TARGETS = targets(programs);
/** Where containers reach the second; the first is a package in a container of its own. */
const reachable = await startHttp({ after }, TARGETS[NAMES[1]!], "http", await bridgeAddress());

/** Runs the suite and compares what passes with the committed list. */
async function check(t: TestContext, name: TargetName, way: string, url: string): Promise<void> {
  const passed = passing(await conformance(t, programs, url));
  assert.deepEqual(passed, EXPECTED[name][way], JSON.stringify({ [name]: { [way]: passed } }));
}

for (const name of NAMES)
  test(`conformance: ${name}, by itself`, async (t) =>
    check(t, name, "by itself", String(await startHttp(t, TARGETS[name], "http"))));

async function deploy(workspace: Workspace, image: string): Promise<void> {
  const folders = await workspace.serverFolders();
  await workspace.writeConfig({
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: GATEWAY_PORT, image },
    "litellm-mcp:postgres": { kind: "dedicated", port: GATEWAY_PORT + 2 },
    "litellm-mcp:servers": Object.fromEntries(folders.map((name) => [name, { enabled: name === "everything" }])),
  });
  const folder = path.join(workspace.root, "mcp", "conformance");
  await mkdir(folder);
  const description = "What the conformance suite asks for";
  const server = { description, source: { url: String(reachable) }, transport: { kind: "http" } };
  await writeFile(path.join(folder, "server.yaml"), stringify(server));
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(reachable));
  await writeFile(path.join(folder, "tools.lock.json"), JSON.stringify(lockOf((await client.listTools()).tools)));
  await client.close();
  assert.equal((await workspace.run("pulumi", ["stack", "init", workspace.stack])).exitCode, 0);
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
}

for (const image of matrixImages()) {
  const version = versionOf(image);
  describe(`conformance on LiteLLM ${version}`, () => {
    let workspace: Workspace;
    let keys: { readonly client: string; readonly master: string };
    before(async () => {
      await removeLeftovers(PREFIX);
      workspace = await Workspace.create("conformance", {});
      await deploy(workspace, image);
      const { clientKeys, masterKey } = await workspace.outputs();
      keys = { client: clientKeys["test-key"]!, master: masterKey };
    });
    after(async () => {
      const { exitCode, output } = await workspace.destroy();
      await workspace.remove();
      await removeLeftovers(PREFIX);
      assert.equal(exitCode, 0, output);
    });

    for (const name of NAMES) {
      const server = SERVERS[name];
      const prefix = `${server}-`;

      test(`${name}, through the gateway`, async (t) => {
        const headers = { authorization: `Bearer ${keys.client}` };
        const proxy = await behindProxy(t, `http://127.0.0.1:${GATEWAY_PORT}`, { headers, prefix });
        await check(t, name, `gateway, ${version}`, `${proxy}/mcp/${server}`);
      });

      test(`${name}, through LiteLLM alone`, async (t) => {
        const headers = { authorization: `Bearer ${keys.master}`, "x-mcp-servers": server };
        const proxy = await behindProxy(t, `http://127.0.0.1:${GATEWAY_PORT + 1}`, { headers, prefix });
        await check(t, name, `LiteLLM alone, ${version}`, `${proxy}/mcp/`);
      });
    }
  });
}
