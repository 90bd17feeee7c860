import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { hostname } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import pg from "pg";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { STACK_LABEL } from "../../components/stack-identity.ts";
import { startSshd } from "../../lab/docker/sshd.ts";
import { freePort } from "../free-port.ts";
import { docker, removeLeftovers } from "./docker.ts";
import { areFound, examine, HAND } from "./doctor-says.ts";
import { administer, callTool, eventually } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { adapterSays, addMoody, setMode } from "./moody.ts";
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

let workspace: Workspace;
let taken: Server;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create(STACK, settings);
  for (const name of ["moody", "shifty"]) await addMoody(workspace, name);
  taken = createServer().listen(TAKEN_PORT, "127.0.0.1");
});

after(async () => {
  taken.close();
  await removeLeftovers(`${PREFIX}stranger`);
  await workspace.end();
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

const examined = (...args: string[]) => examine(workspace, ...args);

const UP = new RegExp(`npm run up -- --stack ${STACK}`);

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

test("found: a passphrase that is another one", longOnly, async () => {
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

test("found: somebody on another machine deploys it, which nobody here takes away", longOnly, async () => {
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

test("found: a Docker daemon that is not there", longOnly, async () => {
  await write({ "litellm-mcp:docker": { host: "unix:///nowhere/docker.sock" } });
  areFound(await examined(), [
    { seen: /no Docker daemon answers at \/nowhere/, means: /its daemon does not run/, fix: /systemctl start docker/ },
  ]);
  await restored();
});

test("found: an SSH host whose key has changed", longOnly, async () => {
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

test(
  "found: Postgres without a connection left and without a database, while LiteLLM is stopped",
  longOnly,
  async () => {
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
  },
);

test("found: a password of Postgres that somebody has changed, which rotate mends", longOnly, async () => {
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

const call = async (name: string) => {
  const { clientKeys } = await workspace.outputs();
  return callTool(`http://127.0.0.1:${PORT}/mcp/`, clientKeys["test-key"]!, name);
};
/** Ends the process of the server, which its adapter starts again; in which mode, /tmp/mode says. */
const leave = (server: string) => call(`${server}-leave`).catch(() => "");

test("found: a server that cannot start, one whose texts are not as approved, a container that ends again and again", async () => {
  await call("shifty-change");
  await setMode(`${PREFIX}mcp-moody`, "end");
  await leave("moody");
  for (let life = 1; life <= 3; life++) {
    const { State } = await container("mcp-time").inspect();
    process.kill(State.Pid, "SIGKILL");
    await eventually("Docker has started it again", 60, async () => {
      const { State: now, RestartCount } = await container("mcp-time").inspect();
      return now.Running && RestartCount >= life;
    });
  }
  await isHealthy("mcp-time");
  await adapterSays(`${PREFIX}mcp-moody`, /"state":"away".*"restarts":[1-9]/);
  await adapterSays(`${PREFIX}mcp-shifty`, /"withheld":1/);
  areFound(await examined(), [
    {
      seen: /mcp-time is running and healthy, was started again 3 times/,
      means: /again and again/,
      fix: /docker logs/,
    },
    { seen: /moody.*it ended with exit code 1/, means: /ends as soon as it is started/, fix: /log/ },
    { seen: /shifty lists 1 tools that are not as approved/, means: /withheld/, fix: /tools -- diff shifty/ },
  ]);
  await setMode(`${PREFIX}mcp-moody`, "well");
  await leave("shifty");
  await adapterSays(`${PREFIX}mcp-shifty`, /"state":"up".*"withheld":0/);
  await container("mcp-time").restart({ t: 1 });
});

test(
  "found: a server without tools, one that needs more memory than it may have, a record that cannot be written, a NAT rule of a network that is gone",
  longOnly,
  async () => {
    await setMode(`${PREFIX}mcp-shifty`, "none");
    await leave("shifty");
    await adapterSays(`${PREFIX}mcp-shifty`, /"state":"up".*"tools":0/);
    await setMode(`${PREFIX}mcp-moody`, "eat");
    await container("mcp-moody").restart({ t: 1 });
    await setMode(`${PREFIX}mcp-moody`, "eat");
    await leave("moody");
    const volume = await docker.getVolume(`${PREFIX}ingress-audit`).inspect();
    await execa("chmod", ["555", volume.Mountpoint]);
    const subnet = (await network("litellm-mcp-net").inspect()).IPAM?.Config?.[0]?.Subnet;
    const rule = ["POSTROUTING", "-s", subnet!, "!", "-o", "br-0123456789ab", "-j", "MASQUERADE"];
    await execa("iptables", ["-w", "-t", "nat", "-A", ...rule]);
    await adapterSays(`${PREFIX}mcp-moody`, /"state":"away".*SIGKILL/);
    const found = await examined();
    await execa("iptables", ["-w", "-t", "nat", "-D", ...rule]);
    await execa("chmod", ["755", volume.Mountpoint]);
    for (const name of ["mcp-moody", "mcp-shifty"]) await container(name).restart({ t: 1 });
    areFound(found, [
      {
        seen: /server shifty lists no tools, and 3 were approved/,
        means: /it answers, and has none/,
        fix: /arguments/,
      },
      { seen: /moody.*it was ended by SIGKILL/, means: /memory is too little/, fix: /limits\.memory/ },
      { seen: /ingress may not write into the volume/, means: /HTTP 503/, fix: /chown -R/ },
      { seen: /NAT rule of a network that is gone/, means: /times out/, fix: /iptables -t nat -D POSTROUTING/ },
    ]);
  },
);

test(
  "found: a client's key that LiteLLM does not know any more, and a setting that is not deployed; up mends both",
  longOnly,
  async () => {
    await isHealthy("mcp-time", "mcp-moody", "mcp-shifty", "litellm", "ingress");
    const { clientKeys, masterKey } = await workspace.outputs();
    await administer(PORT + 1, masterKey, "/key/delete", { keys: [clientKeys["test-key"]] });
    await write({ "litellm-mcp:clients": { "test-key": {}, phone: {} } });
    areFound(await examined(), [
      { seen: /LiteLLM does not know the key of client test-key/, means: /somebody has deleted the key/, fix: UP },
      {
        seen: /\d+ changes of the settings are not deployed/,
        means: /what was deployed before/,
        fix: /npm run preview/,
      },
    ]);
    succeeds(await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]));
  },
);

test("when all of it is mended there is no finding again, and the text for a person says so", async () => {
  await isHealthy("mcp-time", "mcp-moody", "mcp-shifty", "litellm", "ingress");
  const { exitCode, output } = await npm("doctor", "--fix");
  assert.equal(exitCode, 0, output);
  assert.match(output, new RegExp(`Stack ${STACK} is as it should be, and every tool answers\\.`));
});
