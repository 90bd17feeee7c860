import assert from "node:assert/strict";
import { createServer, type Server } from "node:net";
import { after, before, test } from "node:test";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import type { Finding } from "../../operate/doctor/finding.ts";
import { docker, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { Workspace } from "./workspace.ts";

// Faults, one after the other: npm run doctor names each, says what it means and what to do, and finds nothing without one.
const PREFIX = "e2e-doctor-";
const STACK = "e2edoctor";
const PORT = 30900;
const TAKEN_PORT = 30950;
const POSTGRES_PORT = 31432;
const off = Object.fromEntries(
  ["fetch", "filesystem", "git", "memory", "postgres", "sequentialthinking"].map((name) => [name, { enabled: false }]),
);
const settings = {
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: PORT },
  "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
  "litellm-mcp:servers": off,
};

let workspace: Workspace;
let taken: Server;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create(STACK, settings);
  taken = createServer().listen(TAKEN_PORT, "127.0.0.1");
});

after(async () => {
  taken.close();
  await workspace.destroy();
  await workspace.remove();
  await removeLeftovers(PREFIX);
});

const container = (name: string) => docker.getContainer(`${PREFIX}${name}`);
const sql = async (statement: string) => {
  const psql = ["psql", "-U", "postgres", "-qc", statement];
  const { exitCode, stderr } = await runInContainer(docker, `${PREFIX}postgres`, psql);
  assert.equal(exitCode, 0, stderr);
};
const write = (more: Record<string, unknown>) => workspace.writeConfig({ ...settings, ...more });
const restored = () => write({});

async function examined(): Promise<{ exitCode: number; findings: Finding[]; output: string }> {
  const args = ["run", "--silent", "doctor", "--", "--stack", STACK, "--json"];
  const { exitCode, output } = await workspace.run("npm", args);
  const json = output.slice(output.indexOf("["), output.lastIndexOf("]") + 1);
  return { exitCode, findings: JSON.parse(json) as Finding[], output };
}

test("before the first up nothing is deployed, and the command that deploys it is named", async () => {
  const early = await workspace.run("npm", ["run", "--silent", "doctor", "--", "--stack", STACK, "--json"]);
  assert.equal(early.exitCode, 1);
  assert.match(early.output, new RegExp(`npm run up -- --stack ${STACK}`));
});

test("a stack that works has no finding", async () => {
  const up = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
  assert.equal(up.exitCode, 0, up.output);
  const { exitCode, findings, output } = await examined();
  assert.deepEqual([exitCode, findings], [0, []], output);
});

interface Fault {
  readonly what: string;
  readonly inject: () => Promise<unknown>;
  /** Of a finding. */
  readonly seen: RegExp;
  readonly means?: RegExp;
  readonly fix?: RegExp;
  readonly undo: () => Promise<unknown>;
}

const UP = new RegExp(`npm run up -- --stack ${STACK}`);
const HAND = /somebody has changed it since/;

const faults: readonly Fault[] = [
  {
    what: "a container that somebody stopped",
    inject: () => container("mcp-time").stop({ t: 1 }),
    ...{ seen: new RegExp(`container ${PREFIX}mcp-time is stopped`), means: HAND, fix: UP },
    undo: () => container("mcp-time").start(),
  },
  {
    what: "a container that somebody paused",
    inject: () => container("mcp-time").pause(),
    ...{ seen: new RegExp(`container ${PREFIX}mcp-time is paused`), means: HAND, fix: UP },
    undo: () => container("mcp-time").unpause(),
  },
  {
    what: "a container on a network that is not its own",
    inject: () => docker.getNetwork(`${PREFIX}postgres-net`).connect({ Container: `${PREFIX}mcp-time` }),
    seen: new RegExp(`container ${PREFIX}mcp-time is on network ${PREFIX}postgres-net as well`),
    ...{ means: HAND, fix: UP },
    undo: () => docker.getNetwork(`${PREFIX}postgres-net`).disconnect({ Container: `${PREFIX}mcp-time` }),
  },
  {
    what: "Postgres that somebody stopped",
    inject: () => container("postgres").stop(),
    ...{ seen: new RegExp(`container ${PREFIX}postgres is stopped`), means: HAND, fix: UP },
    undo: () => container("postgres").start(),
  },
  {
    what: "a setting that nothing reads",
    inject: () => write({ "litellm-mcp:gateway": { prot: PORT } }),
    ...{ seen: /litellm-mcp:gateway\.prot\s+found: a key that nothing reads/, means: /nothing changed/ },
    undo: restored,
  },
  {
    what: "a port that somebody else has",
    inject: () => write({ "litellm-mcp:gateway": { port: TAKEN_PORT } }),
    ...{ seen: new RegExp(`the host is not ready[^]*${TAKEN_PORT}`), means: /nothing changed/ },
    undo: restored,
  },
  {
    what: "a secret that is not set",
    inject: () =>
      write({
        "litellm-mcp:models": [{ name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } }],
      }),
    ...{ seen: /openaiKey[^]*pulumi config set --secret/, means: /nothing changed/ },
    undo: restored,
  },
  {
    what: "a Docker daemon that is not there",
    inject: () => write({ "litellm-mcp:docker": { host: "unix:///nowhere/docker.sock" } }),
    ...{ seen: /no Docker daemon answers at \/nowhere\/docker\.sock/, means: /nothing changed/ },
    undo: restored,
  },
  {
    what: "a setting that is not deployed",
    inject: () => write({ "litellm-mcp:clients": { "test-key": {}, phone: {} } }),
    ...{ seen: /\d+ changes of the settings are not deployed/, fix: /npm run preview/ },
    undo: restored,
  },
  {
    what: "a password of Postgres that somebody has changed",
    inject: async () => {
      await sql("ALTER ROLE litellm_user PASSWORD 'another'");
      await container("litellm").restart({ t: 5 });
      await eventually("LiteLLM has tried", 60, async () => {
        const log = await container("litellm").logs({ stdout: true, stderr: true, tail: 60, follow: false });
        return /P1000|password authentication failed/.test(log.toString()) || undefined;
      });
    },
    ...{ seen: new RegExp(`container ${PREFIX}litellm is`), means: /another password than the stack/, fix: /rotate/ },
    undo: async () => {
      const args = ["run", "rotate", "--", "--stack", STACK, "--databases", "--yes"];
      const { exitCode, output } = await workspace.run("npm", args);
      assert.equal(exitCode, 0, output);
    },
  },
  {
    what: "a client's key that LiteLLM does not know any more",
    inject: async () => {
      const { clientKeys, masterKey } = await workspace.outputs();
      const { ok } = await fetch(`http://127.0.0.1:${PORT + 1}/key/delete`, {
        method: "POST",
        headers: { authorization: `Bearer ${masterKey}`, "content-type": "application/json" },
        body: JSON.stringify({ keys: [clientKeys["test-key"]] }),
      });
      assert.ok(ok);
    },
    ...{ seen: /LiteLLM does not know the key of client test-key/, means: /clients meet the same/, fix: UP },
    undo: async () => {
      const { exitCode, output } = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);
      assert.equal(exitCode, 0, output);
    },
  },
];

for (const { what, inject, undo, seen, means, fix } of faults)
  test(`found, and said what it means: ${what}`, async () => {
    await inject();
    const { exitCode, findings, output } = await examined();
    await undo();
    assert.equal(exitCode, 1, output);
    const found = findings.find((one) => seen.test(one.seen));
    assert.ok(found, output);
    if (means) assert.match(found.means ?? "", means);
    if (fix) assert.match(found.fix ?? "", fix);
  });

test("when all of it is mended there is no finding again, and the text for a person says so", async () => {
  await eventually("every container is healthy", 120, async () => {
    const { Health } = (await container("mcp-time").inspect()).State;
    return Health?.Status === "healthy" || undefined;
  });
  const { exitCode, output } = await workspace.run("npm", ["run", "--silent", "doctor", "--", "--stack", STACK]);
  assert.equal(exitCode, 0, output);
  assert.match(output, new RegExp(`Stack ${STACK} is as it should be, and every tool answers\\.`));
});
