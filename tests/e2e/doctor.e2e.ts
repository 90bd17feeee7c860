import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { hostname } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import pg from "pg";
import { stringify } from "yaml";
import { writeToolLock } from "../../approval/tool-lock.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { STACK_LABEL } from "../../components/stack-identity.ts";
import { startSshd } from "../../lab/docker/sshd.ts";
import type { Finding } from "../../operate/doctor/finding.ts";
import { freePort } from "../free-port.ts";
import { docker, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { Workspace } from "./workspace.ts";

// Faults, several at once where they do not hide each other: npm run doctor names each, says what it means and what to do,
// mends with --fix what loses nothing, and finds nothing without a fault.
const PREFIX = "e2e-doctor-";
const STACK = "e2edoctor";
const PROJECT = "litellm-mcp";
const PORT = 30900;
const TAKEN_PORT = 30950;
const STRANGERS_PORT = 30951;
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

/** A STAND-IN for a server of one's own. */
const SAYING = `import json, sys
tools = [{"name": "say", "description": "Does say", "inputSchema": {"type": "object", "properties": {}}}]
def send(**message): print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)
for line in sys.stdin:
    message = json.loads(line)
    method, params, id = message.get("method"), message.get("params") or {}, message.get("id")
    if id is None: continue
    if method == "initialize":
        send(id=id, result={"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "saying", "version": "1"}})
    elif method == "tools/list": send(id=id, result={"tools": tools})
    elif method == "tools/call": send(id=id, result={"content": [{"type": "text", "text": "say it"}]})
    else: send(id=id, result={})
`;
const tool = (name: string) => ({
  ...{ name, description: `Does ${name}` },
  inputSchema: { type: "object", properties: {} },
});

let workspace: Workspace;
let taken: Server;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create(STACK, settings);
  for (const name of ["moody", "shifty"]) {
    const folder = path.join(workspace.root, "mcp", name);
    await mkdir(folder);
    const server = {
      description: "A program of one's own",
      source: { program: "python", command: ["python3", "server.py"] },
      transport: { kind: "stdio" },
      check: { tool: "say", expect: "say it" },
    };
    await writeFile(path.join(folder, "server.py"), SAYING);
    await writeFile(path.join(folder, "server.yaml"), stringify(server));
    await writeFile(path.join(folder, "tools.lock.json"), writeToolLock([tool("say")]));
  }
  taken = createServer().listen(TAKEN_PORT, "127.0.0.1");
});

after(async () => {
  taken.close();
  await removeLeftovers(`${PREFIX}stranger`);
  await workspace.destroy();
  await workspace.remove();
  await removeLeftovers(PREFIX);
});

const container = (name: string) => docker.getContainer(`${PREFIX}${name}`);
const network = (name: string) => docker.getNetwork(`${PREFIX}${name}`);
const sql = async (...statements: string[]) => {
  const psql = ["psql", "-U", "postgres", ...statements.flatMap((statement) => ["-qc", statement])];
  const { exitCode, stderr } = await runInContainer(docker, `${PREFIX}postgres`, psql);
  assert.equal(exitCode, 0, stderr);
};
const write = (more: Record<string, unknown>) => workspace.writeConfig({ ...settings, ...more });
const restored = () => write({});
const npm = (command: string, ...args: string[]) =>
  workspace.run("npm", ["run", "--silent", command, "--", "--stack", STACK, ...args]);
const succeeds = ({ exitCode, output }: { exitCode: number; output: string }) => assert.equal(exitCode, 0, output);
const state = () => path.join(path.dirname(workspace.root), "state/.pulumi");
const stateFile = () => path.join(state(), "stacks", PROJECT, `${STACK}.json`);
const isHealthy = (...names: string[]) =>
  eventually(`${names.join(", ")} healthy`, 180, async () => {
    const states = await Promise.all(names.map(async (name) => (await container(name).inspect()).State.Health?.Status));
    return states.every((one) => one === "healthy");
  });

interface Examined {
  readonly exitCode: number;
  readonly findings: (Finding & { readonly mends?: string })[];
  readonly output: string;
}

async function examined(...args: string[]): Promise<Examined> {
  const { exitCode, output } = await npm("doctor", "--json", ...args);
  const json = /^\[[^]*^\]|^\[\]/m.exec(output)?.[0] ?? "[]";
  return { exitCode, findings: JSON.parse(json) as Finding[], output };
}

interface Expected {
  readonly seen: RegExp;
  readonly means: RegExp;
  readonly fix: RegExp;
}

/** All of it is found, each once, and nothing else. */
function areFound({ exitCode, findings, output }: Examined, expected: readonly Expected[]): void {
  assert.equal(exitCode, 1, output);
  for (const { seen, means, fix } of expected) {
    const [found, ...more] = findings.filter((one) => seen.test(one.seen));
    assert.ok(found && !more.length, `${seen} in\n${output}`);
    assert.match(found.means ?? "", means);
    assert.match(found.fix ?? "", fix);
  }
  assert.equal(findings.length, expected.length, output);
}

const UP = new RegExp(`npm run up -- --stack ${STACK}`);
const HAND = /somebody has changed it since/;

test("before the first up nothing is deployed, and the command that deploys it is named", async () => {
  const early = await npm("doctor", "--json");
  assert.equal(early.exitCode, 1);
  assert.match(early.output, UP);
});

test("a stack that works has no finding", async () => {
  succeeds(await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]));
  const { exitCode, findings, output } = await examined();
  assert.deepEqual([exitCode, findings], [0, []], output);
});

test("found: a passphrase that is another one", async () => {
  const args = ["run", "--silent", "doctor", "--", "--stack", STACK, "--json"];
  const { exitCode, output } = await workspace.run("npm", args, { env: { PULUMI_CONFIG_PASSPHRASE: "another" } });
  assert.equal(exitCode, 1, output);
  assert.match(output, /"seen": "failed to decrypt: incorrect passphrase/);
  assert.match(output, /"means": "the stack's secrets were encrypted with another passphrase/);
});

test("found: a state that is cut off, and one that is gone; the command that is named brings it back", async () => {
  const whole = await readFile(stateFile(), "utf8");
  await writeFile(stateFile(), whole.slice(0, 5_000));
  const cut = await examined();
  areFound(cut, [
    {
      seen: /is cut off or no JSON/,
      means: /disk was full/,
      fix: /^cp '[^']*' '[^']*'; then npm run up .* --refresh$/,
    },
  ]);
  await execa("sh", ["-c", cut.findings[0]!.fix!.split(";")[0]!]);
  const { version } = JSON.parse(await readFile(stateFile(), "utf8")) as { version: number };
  assert.ok(version >= 3);

  await rm(stateFile());
  areFound(await examined(), [
    { seen: /there is no .*\.json, and its copy/, means: /all of it once more, beside what runs/, fix: /^cp '/ },
  ]);
  await writeFile(stateFile(), whole);
});

const lockFolder = () => path.join(state(), "locks/organization", PROJECT, STACK);
async function lock(name: string, pid: number, machine: string): Promise<() => Promise<void>> {
  const file = path.join(lockFolder(), `${name}.json`);
  await mkdir(path.dirname(file), { recursive: true });
  const timestamp = "2026-11-22T01:11:24.940498517Z";
  await writeFile(file, JSON.stringify({ pid, username: "root", hostname: machine, timestamp }));
  return () => rm(file, { force: true });
}

test("found: somebody on another machine deploys it, which nobody here takes away", async () => {
  const unlock = await lock("other", 1, `not-${hostname()}`);
  areFound(await examined("--fix"), [
    { seen: /locked by process 1 of root on not-/, means: /somebody deploys it at this moment/, fix: /wait until/ },
  ]);
  await unlock();
});

test("found: settings that nothing reads, and a secret that is not set", async () => {
  await write({
    "litellm-mcp:gateway": { prot: PORT },
    "litellm-mcp:models": [{ name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } }],
  });
  areFound(await examined(), [
    {
      seen: /gateway\.prot\s+found: a key that nothing reads/,
      means: /means nothing/,
      fix: /write one of the keys .*port/,
    },
    { seen: /openaiKey/, means: /a secret .* has no value/, fix: /^pulumi config set --secret .*openaiKey/ },
  ]);
  await restored();
});

test("found: ports that a program and a container have, by whom", async () => {
  const { Image } = await container("ingress").inspect();
  const stranger = await docker.createContainer({
    ...{ name: `${PREFIX}stranger`, Image, Entrypoint: ["sleep", "600"] },
    ExposedPorts: { "80/tcp": {} },
    HostConfig: { PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: String(STRANGERS_PORT) }] } },
  });
  await stranger.start();
  await write({
    "litellm-mcp:gateway": { port: TAKEN_PORT, adminPort: PORT + 1 },
    "litellm-mcp:postgres": { kind: "dedicated", port: STRANGERS_PORT },
  });
  areFound(await examined(), [
    {
      seen: new RegExp(`port ${TAKEN_PORT} on 127\\.0\\.0\\.1 is taken by another program`),
      means: new RegExp(`\\(process ${process.pid}\\) of the host listens where`),
      fix: new RegExp(`sport = :${TAKEN_PORT}`),
    },
    {
      seen: new RegExp(`port ${STRANGERS_PORT} on .* is taken by container ${PREFIX}stranger`),
      means: /a container that is not the stack's/,
      fix: new RegExp(`docker stop ${PREFIX}stranger`),
    },
  ]);
  await stranger.remove({ force: true });
  await restored();
});

test("found: a Docker daemon that is not there", async () => {
  await write({ "litellm-mcp:docker": { host: "unix:///nowhere/docker.sock" } });
  areFound(await examined(), [
    { seen: /no Docker daemon answers at \/nowhere/, means: /its daemon does not run/, fix: /systemctl start docker/ },
  ]);
  await restored();
});

test("found: an SSH host whose key has changed", async () => {
  const sshd = await startSshd({ address: "127.0.0.1", port: await freePort() });
  const known = await readFile(sshd.knownHosts, "utf8");
  const { stdout } = await execa("ssh-keygen", ["-y", "-f", sshd.identity]);
  // The key of somebody else in place of the host's.
  await writeFile(sshd.knownHosts, known.replace(/ssh-ed25519 \S+/, stdout.split(" ").slice(0, 2).join(" ")));
  await write({ "litellm-mcp:docker": { host: sshd.url, knownHosts: sshd.knownHosts, identity: sshd.identity } });
  const found = await examined();
  await sshd.stop();
  areFound(found, [
    { seen: /is not the one in known_hosts/, means: /installed again, or something else/, fix: /ssh-keygen -f .* -R/ },
  ]);
  await restored();
});

test("found, and mended by --fix: a container that lost its port, one that is paused, one off its network, one that hangs and is on a network of others, the lock and the left-overs of a run that was killed", async () => {
  const whole = await readFile(stateFile(), "utf8");
  const { Image, Config, Id } = await container("ingress").inspect();
  await container("ingress").stop({ t: 1 });
  const holder = createServer().listen(PORT, "127.0.0.1");
  await once(holder, "listening");
  await assert.rejects(container("ingress").start());
  await container("mcp-moody").pause();
  const shifty = await container("mcp-shifty").inspect();
  const [lost] = Object.keys(shifty.NetworkSettings.Networks).filter((name) => name.endsWith("litellm-mcp-net"));
  await docker.getNetwork(lost!).disconnect({ Container: shifty.Id });
  await network("postgres-net").connect({ Container: `${PREFIX}mcp-time` });
  const { Processes } = (await container("mcp-time").top({ ps_args: "-eo pid,args" })) as { Processes: string[][] };
  const adapter = Processes.find(([, command]) => command!.startsWith("node "));
  process.kill(Number(adapter![0]), "SIGSTOP");
  await lock("killed", 2 ** 22 + 1, hostname());
  await docker.createContainer({
    ...{ name: `${PREFIX}left`, Image, Entrypoint: ["sleep", "600"] },
    Labels: { [STACK_LABEL]: Config.Labels[STACK_LABEL]! },
  });
  // What Pulumi writes of something that it has begun.
  const pending = JSON.parse(whole) as { checkpoint: { latest: Record<string, unknown> } };
  const { resources } = pending.checkpoint.latest as { resources: { id?: string }[] };
  const resource = resources.find(({ id }) => id === Id);
  pending.checkpoint.latest["pending_operations"] = [{ resource, type: "updating" }];
  await writeFile(stateFile(), JSON.stringify(pending));
  try {
    areFound(await examined(), [
      { seen: /locked by process 4194305/, means: /that run was killed/, fix: UP },
      { seen: /^port 30900 on .* is taken by another program/, means: /of the host listens/, fix: /ss -ltnp/ },
      { seen: /ingress-container was being made or changed/, means: /not known/, fix: UP },
      { seen: new RegExp(`container ${PREFIX}left is there`), means: /was interrupted as it was made/, fix: UP },
      {
        seen: new RegExp(`container ${PREFIX}ingress is exited, Docker could not start it: .*already in use`),
        means: new RegExp(`\\(process ${process.pid}\\) has port ${PORT} on 127\\.0\\.0\\.1`),
        fix: /end it, then npm run up/,
      },
      { seen: new RegExp(`container ${PREFIX}mcp-moody is paused`), means: HAND, fix: UP },
      { seen: new RegExp(`container ${PREFIX}mcp-shifty is off network ${lost}`), means: HAND, fix: UP },
      { seen: /mcp-time is on network \S+postgres-net as well/, means: HAND, fix: UP },
      { seen: new RegExp(`container ${PREFIX}mcp-time is running`), means: /SIGSTOP/, fix: /docker restart/ },
    ]);
  } finally {
    holder.close();
    await writeFile(stateFile(), whole);
  }
  const { exitCode, findings, output } = await examined("--fix");
  assert.deepEqual([exitCode, findings], [0, []], output);
  for (const done of [
    /✔ the lock of process 4194305 is taken away/,
    /✔ container \S+ingress is started/,
    /✔ container \S+mcp-moody goes on \(unpause\)/,
    /✔ container \S+mcp-shifty is connected again: it was off network/,
    /✔ container \S+mcp-time is disconnected: it was on network/,
    /✔ container \S+mcp-time is restarted/,
    /✔ container \S+left, which an interrupted run has left, is removed/,
  ])
    assert.match(output, done);
  const { Networks } = (await container("mcp-shifty").inspect()).NetworkSettings;
  const before = shifty.NetworkSettings.Networks[lost!]?.Aliases ?? [];
  for (const alias of before) assert.ok(Networks[lost!]?.Aliases?.includes(alias), alias);
});

test("found: Postgres without a connection left and without a database, while LiteLLM is stopped", async () => {
  await container("litellm").stop({ t: 1 });
  await sql(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'litellm_db'",
    "ALTER DATABASE litellm_db RENAME TO litellm_elsewhere",
  );
  const password = await workspace.postgresPassword();
  const at = { host: "127.0.0.1", port: POSTGRES_PORT, user: "postgres", database: "postgres", password };
  const clients: pg.Client[] = [];
  // Three are kept for the administrator: one of them is for doctor.
  await eventually("no connection is left but one", 60, async () => {
    const client = new pg.Client(at);
    client.on("error", () => {});
    await client.connect();
    clients.push(client);
    const { rows } = await client.query(
      "SELECT current_setting('max_connections')::int - count(*) AS free FROM pg_stat_activity WHERE backend_type = 'client backend'",
    );
    return Number((rows as { free: string }[])[0]!.free) <= 2;
  });
  const found = await examined();
  for (const client of clients) await client.end();
  await sql("ALTER DATABASE litellm_elsewhere RENAME TO litellm_db");
  areFound(found, [
    { seen: new RegExp(`container ${PREFIX}litellm is stopped`), means: HAND, fix: UP },
    { seen: /connections in use \(postgres/, means: /is refused/, fix: /pg_stat_activity/ },
    { seen: /database litellm_db is not in/, means: /whatever was in it is gone/, fix: /npm run restore/ },
  ]);
  await container("litellm").start();
  await isHealthy("litellm");
});

test("found: a password of Postgres that somebody has changed, which rotate mends", async () => {
  await sql("ALTER ROLE litellm_user PASSWORD 'another'");
  await container("litellm").restart({ t: 5 });
  await eventually("LiteLLM has tried", 60, async () => {
    const log = await container("litellm").logs({ stdout: true, stderr: true, tail: 60, follow: false });
    return /P1000|password authentication failed/.test(log.toString()) || undefined;
  });
  const { findings, output } = await examined();
  const found = findings.find(({ seen }) => seen.includes(`container ${PREFIX}litellm is`));
  assert.match(found?.means ?? output, /another password than the stack/);
  assert.match(found?.fix ?? "", /npm run rotate -- --databases/);
  succeeds(await workspace.run("npm", ["run", "rotate", "--", "--stack", STACK, "--databases", "--yes"]));
});

test("found: a client's key that LiteLLM does not know any more, and a setting that is not deployed; up mends both", async () => {
  await isHealthy("mcp-time", "mcp-moody", "mcp-shifty", "litellm", "ingress");
  const { clientKeys, masterKey } = await workspace.outputs();
  const { ok } = await fetch(`http://127.0.0.1:${PORT + 1}/key/delete`, {
    method: "POST",
    headers: { authorization: `Bearer ${masterKey}`, "content-type": "application/json" },
    body: JSON.stringify({ keys: [clientKeys["test-key"]] }),
  });
  assert.ok(ok);
  await write({ "litellm-mcp:clients": { "test-key": {}, phone: {} } });
  areFound(await examined(), [
    { seen: /LiteLLM does not know the key of client test-key/, means: /somebody has deleted the key/, fix: UP },
    { seen: /\d+ changes of the settings are not deployed/, means: /what was deployed before/, fix: /npm run preview/ },
  ]);
  succeeds(await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]));
});

test("when all of it is mended there is no finding again, and the text for a person says so", async () => {
  const { exitCode, output } = await npm("doctor", "--fix");
  assert.equal(exitCode, 0, output);
  assert.match(output, new RegExp(`Stack ${STACK} is as it should be, and every tool answers\\.`));
});
