import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { OwnHost } from "../faults/own-host.ts";
import { leftovers, removeLeftovers } from "./docker.ts";
import { callTool } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { type Finished, Workspace } from "./workspace.ts";

// A stack of this machine's Docker moves to another host over ssh, whose Docker is really another one; and back, when that host
// is gone for good.
const STACK = "e2emove";
const PREFIX = "e2e-move-";
const PORT = 23800;
const SERVERS = ["memory", "time"];

let host: OwnHost;
let workspace: Workspace;
let key: string;

const here = {
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: PORT },
  "litellm-mcp:postgres": { kind: "dedicated", port: PORT + 32 },
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["memory"] } },
};
const there = () => ({
  ...here,
  "litellm-mcp:docker": { host: host.sshd.url, knownHosts: host.sshd.knownHosts, identity: host.sshd.identity },
  "litellm-mcp:lan": { address: host.address },
});
const run = (command: string, ...args: string[]): Promise<Finished> =>
  workspace.run("npm", ["run", "--silent", command, "--", "--stack", STACK, ...args]);
const succeeds = ({ exitCode, output }: Finished) => assert.equal(exitCode, 0, output);
const memory = async (tool: string, args: Record<string, unknown> = {}) =>
  callTool((await workspace.outputs()).gateway, key, `memory-${tool}`, args);
const entity = (name: string) => ({ entities: [{ name, entityType: "thing", observations: ["kept"] }] });
/** The record of calls, as `npm run audit` gives it. */
async function called(): Promise<string[]> {
  const { exitCode, output } = await run("audit", "--json", "--client", "phone");
  assert.equal(exitCode, 0, output);
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  return lines.map((line) => JSON.stringify((JSON.parse(line) as { arguments: unknown }).arguments));
}

// The host needs a network and a disk of its own.
const needsRoot = { skip: process.getuid?.() === 0 ? false : "only root can make a Docker host of its own" };

describe("a stack and two hosts", needsRoot, () => {
  before(async () => {
    await removeLeftovers(PREFIX);
    host = await OwnHost.make();
    workspace = await Workspace.create(STACK, here);
    for (const server of await workspace.serverFolders())
      if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
    succeeds(await run("up", "--yes"));
    key = (await workspace.outputs()).clientKeys["phone"]!;
    await memory("create_entities", entity("boiler"));
  });

  after(async () => {
    await workspace.end();
    await removeLeftovers(PREFIX);
    await host.remove();
  });

  test("up refuses another host, with the way there, and touches nothing", async () => {
    await workspace.writeConfig(there());
    const { exitCode, output } = await run("up", "--yes");
    assert.equal(exitCode, 1, output);
    assert.match(output, /Not deployed: the settings put the stack on ssh:\/\/.* npm run move -- --stack e2emove\n?$/);
    assert.match(await memory("read_graph"), /boiler/);
    assert.deepEqual(await host.docker.listContainers({ all: true }), []);
  });

  test("move brings a stack to another host: keys, what clients stored, and the record of calls", async () => {
    const finished = await run("move", "--yes");
    succeeds(finished);
    assert.match(finished.output, /Stack e2emove is moved: the stack on ssh:\/\//);
    const { gateway, clientKeys } = await workspace.outputs();
    assert.equal(gateway, `http://${host.address}:${PORT}/mcp/`);
    assert.equal(clientKeys["phone"], key);
    assert.match(await memory("read_graph"), /boiler/);
    await memory("create_entities", entity("pump"));
    const record = await called();
    for (const name of ["boiler", "pump"])
      assert.ok(
        record.some((one) => one.includes(name)),
        name,
      );
    assert.deepEqual((await leftovers(PREFIX)).sort(), [`${PREFIX}ingress-audit`, `${PREFIX}mcp-memory-data`]);
    succeeds(await run("verify"));
  });

  test(
    "of an image that the other host cannot build, the last lines are shown, and nothing that runs is touched",
    longOnly,
    async () => {
      const setup = path.join(workspace.root, "mcp/time/setup.sh");
      // Both lines go the same way: Docker reads output and errors beside each other, in either order.
      await writeFile(setup, "echo looking for the moon\necho there is no moon\nexit 3\n");
      const { exitCode, output } = await run("up", "--yes");
      await rm(setup);
      assert.equal(exitCode, 1, output);
      assert.match(
        output,
        /The image litellm-mcp\/time:\w+ could not be built on the host: [^]*looking for the moon\n[^]*there is no moon\n[^]*Not deployed/,
      );
      assert.match(await memory("read_graph"), /pump/);
      const next = await run("up", "--yes");
      succeeds(next);
      assert.match(next.output, /Nothing to change/);
    },
  );

  test("settings that say where it is are no move", async () => {
    const { exitCode, output } = await run("move", "--yes");
    assert.equal(exitCode, 1, output);
    assert.match(output, /nothing to move, and nothing was changed: .* is where it is deployed, on ssh:\/\//);
  });

  test("from a host that is gone for good a stack comes back out of a backup", longOnly, async () => {
    const made = await run("backup", "--json");
    succeeds(made);
    const { file } = JSON.parse(made.output.slice(made.output.indexOf("{"), made.output.lastIndexOf("}") + 1)) as {
      file: string;
    };
    await workspace.writeConfig(here);
    const refused = await run("move", "--yes", "--from", file);
    assert.match(refused.output, /nothing was changed: the stack is still on ssh:\/\/.*\. Without --from it is moved/);
    assert.equal(refused.exitCode, 1, refused.output);
    await host.remove();
    succeeds(await run("move", "--yes", "--from", file));
    const { gateway, clientKeys } = await workspace.outputs();
    assert.equal(gateway, `http://127.0.0.1:${PORT}/mcp/`);
    assert.equal(clientKeys["phone"], key);
    assert.match(await memory("read_graph"), /boiler[^]*pump/);
    succeeds(await run("verify"));
  });
});
