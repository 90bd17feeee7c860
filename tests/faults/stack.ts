import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import path from "node:path";
import { after, before } from "node:test";
import { docker, removeLeftovers } from "../e2e/docker.ts";
import { Workspace } from "../e2e/workspace.ts";
import { SERVERS } from "./questions.ts";

export interface FaultStack {
  readonly workspace: Workspace;
  readonly prefix: string;
  readonly base: string;
  readonly keys: Readonly<Record<string, string>>;
}

/** Settings of a stack with the servers that are asked questions, and with whatever servers a test adds. */
export const settingsOf = (name: string, port: number, clients: readonly string[]) => ({
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": `${name}-`,
  "litellm-mcp:gateway": { port },
  "litellm-mcp:postgres": { kind: "dedicated", port: port + 32 },
  "litellm-mcp:servers": { everything: { enabled: true } },
  "litellm-mcp:clients": Object.fromEntries(["test-key", ...clients].map((client) => [client, {}])),
});

export async function workspaceOf(name: string, settings: Record<string, unknown>): Promise<Workspace> {
  const workspace = await Workspace.create(name, settings);
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  return workspace;
}

/**
 * Deploys a stack before the tests of a file, with the servers that are asked questions, and destroys it after them.
 *
 * @param port The gateway's; the next ones are taken as well.
 * @param more Settings beside those that each such stack has.
 */
export function deployed(
  name: string,
  port: number,
  clients: readonly string[],
  more: Record<string, unknown> = {},
): () => FaultStack {
  const prefix = `${name}-`;
  let stack: FaultStack | undefined;
  let workspace: Workspace;
  before(async () => {
    await removeLeftovers(prefix);
    workspace = await workspaceOf(name, { ...settingsOf(name, port, clients), ...more });
    assert.equal((await workspace.run("pulumi", ["stack", "init", name])).exitCode, 0);
    const { exitCode, output } = await workspace.up();
    assert.equal(exitCode, 0, output);
    stack = { workspace, prefix, base: `http://127.0.0.1:${port}`, keys: (await workspace.outputs()).clientKeys };
  });
  after(async () => {
    await workspace.end();
    await removeLeftovers(prefix);
  });
  return () => stack ?? assert.fail("the stack was not deployed");
}

/**
 * Ends all processes of a container, as a crash or the kernel's lack of memory does. Docker starts it again; what
 * `docker kill` has ended it leaves alone.
 */
export async function crash(container: string): Promise<void> {
  const { State } = await docker.getContainer(container).inspect();
  process.kill(State.Pid, "SIGKILL");
}
