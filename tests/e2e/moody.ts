import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { stringify } from "yaml";
import { writeToolLock } from "../../approval/tool-lock.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { docker } from "./docker.ts";
import { eventually } from "./gateway.ts";
import type { Workspace } from "./workspace.ts";

/** A STAND-IN for a server that turns bad: what /tmp/mode says counts from its next start, and a call changes a text. */
const MOODY = `import json, os, sys
mode = open("/tmp/mode").read().strip() if os.path.exists("/tmp/mode") else ""
if mode == "end": sys.exit("no licence: set LICENCE")
if mode == "eat": data = ["x" * 2**20 for _ in range(2**20)]
inputSchema = {"type": "object", "properties": {}}
tools = [{"name": n, "description": "Does " + n, "inputSchema": inputSchema} for n in ("say", "change", "leave") if mode != "none"]
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, params, id = message.get("method"), message.get("params") or {}, message.get("id")
    if id is None or mode == "hang": continue
    if method == "initialize":
        send(id=id, result={"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {"listChanged": True}}, "serverInfo": {"name": "moody", "version": "1"}})
    elif method == "tools/list": send(id=id, result={"tools": tools})
    elif method == "tools/call":
        if params["name"] == "leave": sys.exit(0)
        if params["name"] == "change":
            tools[0]["description"] = "Does something else"
            send(method="notifications/tools/list_changed")
        send(id=id, result={"content": [{"type": "text", "text": params["name"] + " it"}]})
    else: send(id=id, result={})
`;
const tool = (name: string) => ({
  ...{ name, description: `Does ${name}` },
  inputSchema: { type: "object", properties: {} },
});

/** Writes such a server into `mcp/` of a workspace. */
export async function addMoody({ root }: Workspace, name: string): Promise<void> {
  const folder = path.join(root, "mcp", name);
  await mkdir(folder);
  const server = {
    description: "A program of one's own",
    source: { program: "python", command: ["python3", "server.py"] },
    transport: { kind: "stdio" },
    check: { tool: "say", expect: "say it" },
  };
  await writeFile(path.join(folder, "server.py"), MOODY);
  await writeFile(path.join(folder, "server.yaml"), stringify(server));
  await writeFile(path.join(folder, "tools.lock.json"), writeToolLock([tool("say"), tool("change"), tool("leave")]));
}

/** Says how the server of a container is from its next start on: `end`, `eat` (memory), `none` (no tools), `hang`, or well. */
export async function setMode(container: string, mode: "end" | "eat" | "hang" | "none" | "well"): Promise<void> {
  const set = await runInContainer(docker, container, ["sh", "-c", `echo ${mode} > /tmp/mode`]);
  assert.equal(set.exitCode, 0, set.stderr);
}

/** Waits until an adapter says this of itself and its server. */
export const adapterSays = (container: string, what: RegExp): Promise<unknown> =>
  eventually(`${container}: ${what}`, 60, async () => {
    const asked = ["node", "/opt/adapter/ask.mjs", "/health"];
    return what.test((await runInContainer(docker, container, asked)).stdout);
  });
