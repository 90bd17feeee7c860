import assert from "node:assert/strict";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { processIsAlive } from "../../operate/listing/throw-away.ts";
import { docker, leftovers, removeLeftovers } from "./docker.ts";
import { administer, callTool, eventually } from "./gateway.ts";
import { isLong, longOnly } from "./long-form.ts";
import { type Finished, Workspace } from "./workspace.ts";

// Runs that are killed, and containers that somebody has stopped, paused or removed: `npm run up` alone brings all of it
// back, and `npm run down` leaves nothing.
const PREFIX = "e2e-recovery-";
const STACK = "e2erecovery";
const PORT = 18000;
const POSTGRES_PORT = 18432;
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

/** The record of what was called outlives the stack. */
const KEPT = [`${PREFIX}ingress-audit`];

let workspace: Workspace;

before(async () => {
  await removeLeftovers(PREFIX);
  workspace = await Workspace.create(STACK, settings);
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
});

const run = (command: "up" | "down"): Promise<Finished> =>
  workspace.run("npm", ["run", command, "--", "--stack", STACK, "--yes"]);

const has = async (kind: "container" | "network", name: string): Promise<boolean> => {
  const names =
    kind === "network"
      ? (await docker.listNetworks()).map(({ Name }) => Name)
      : (await docker.listContainers({ all: true })).flatMap(({ Names }) => Names.map((one) => one.slice(1)));
  return names.includes(`${PREFIX}${name}`);
};

const hasRole = async (role: string): Promise<boolean> => {
  const { State } = await docker
    .getContainer(`${PREFIX}postgres`)
    .inspect()
    .catch(() => ({ State: { Running: false } }));
  if (!State.Running) return false;
  const sql = `SELECT 1 FROM pg_roles WHERE rolname = '${role}'`;
  const { exitCode, stdout } = await runInContainer(docker, `${PREFIX}postgres`, [
    "psql",
    "-U",
    "postgres",
    "-Atc",
    sql,
  ]);
  return exitCode === 0 && stdout.trim() === "1";
};

/** The process that has locked the stack, as Pulumi writes it down. */
async function lockedBy(): Promise<number> {
  const folder = path.join(workspace.root, "../state/.pulumi/locks/organization/litellm-mcp", STACK);
  return eventually("a lock of a process that lives", 120, async () => {
    for (const name of (await readdir(folder).catch(() => [])).filter((one) => one.endsWith(".json"))) {
      const text = await readFile(path.join(folder, name), "utf8").catch(() => "{}");
      const { pid } = JSON.parse(text) as { pid?: number };
      // That of the run which was killed before is there until the next one takes it away.
      if (pid !== undefined && processIsAlive(pid)) return pid;
    }
    return undefined;
  });
}

/** Starts a run and kills Pulumi, as hard as one can, as soon as something is so. */
async function killedWhen(command: "up" | "down", what: string, isSo: () => Promise<boolean>): Promise<Finished> {
  const running = run(command);
  const tooLate = running.then(({ output }) => assert.fail(`npm run ${command} ended before this: ${what}\n${output}`));
  await Promise.race([eventually(what, 180, isSo), tooLate]);
  // Only now: a run that looks up how far another came has one lock for that, and another for what it deploys.
  process.kill(await lockedBy(), "SIGKILL");
  return running;
}

const callWorks = async () => {
  const { clientKeys } = await workspace.outputs();
  const url = `http://127.0.0.1:${PORT}/mcp/`;
  const answer = await callTool(url, clientKeys["test-key"]!, "time-get_current_time", { timezone: "UTC" });
  assert.match(JSON.stringify(answer), /datetime/);
};

const MOMENTS: readonly (readonly [string, () => Promise<boolean>])[] = [
  ["the first network is made", () => has("network", "postgres-net")],
  ["the container of a server is made", () => has("container", "mcp-time")],
  ["a role is made", () => hasRole("litellm_user")],
  ["LiteLLM's container is made", () => has("container", "litellm")],
];

test("an up that is killed at one moment after the other is completed by npm run up alone", async () => {
  // The two in the middle leave what only a look at the daemon and at Postgres finds.
  for (const [what, isSo] of isLong ? MOMENTS : MOMENTS.slice(1, 3)) {
    const { exitCode, output } = await killedWhen("up", what, isSo);
    assert.notEqual(exitCode, 0, output);
  }
  // What a kill leaves in the middle of writing the state down, which the moments above meet only now and then.
  const stateFile = path.join(workspace.root, `../state/.pulumi/stacks/litellm-mcp/${STACK}.json`);
  assert.ok((await readFile(stateFile)).length);
  await writeFile(`${stateFile}.attrs`, "");
  const { exitCode, output } = await run("up");
  assert.equal(exitCode, 0, output);
  assert.match(output, /A run was interrupted \(process \d+ of .+ on .+, since .+\)\. Its lock is taken away\./);
  assert.doesNotMatch(output, /pending operation/);
  await callWorks();
});

test("an ingress that crashes is started again by Docker", async () => {
  const ingress = docker.getContainer(`${PREFIX}ingress`);
  const { State } = await ingress.inspect();
  process.kill(State.Pid, "SIGKILL");
  await eventually("it was started again", 30, async () => (await ingress.inspect()).RestartCount === 1);
  await eventually("it answers", 30, () =>
    callWorks().then(
      () => true,
      () => false,
    ),
  );
});

test("while somebody deploys, a second run changes nothing and says who it is", async () => {
  // A run with nothing to change locks nothing.
  await workspace.writeConfig({ ...settings, "litellm-mcp:gateway": { port: PORT, memory: 2100 } });
  const first = run("up");
  await lockedBy();
  const { exitCode, output } = await run("up");
  assert.equal(exitCode, 1, output);
  assert.match(output, new RegExp(`stack ${STACK} is locked by process \\d+ of `));
  assert.equal((await first).exitCode, 0);
});

test("containers that were stopped, paused and removed by hand are named, and answer again", async () => {
  const named = (name: string) => docker.getContainer(`${PREFIX}${name}`);
  await named("mcp-time").remove({ force: true });
  await named("litellm").stop();
  await named("postgres").pause();
  const { exitCode, output } = await run("up");
  assert.equal(exitCode, 0, output);
  for (const change of ["mcp-time is missing", "litellm is stopped", "postgres is paused"])
    assert.match(output, new RegExp(`container ${PREFIX}${change}`));
  await callWorks();
});

test("what somebody has changed on the host is named by npm run drift, and brought back by npm run up", async () => {
  const named = (name: string) => docker.getContainer(`${PREFIX}${name}`);
  await docker.getNetwork(`${PREFIX}postgres-net`).connect({ Container: `${PREFIX}mcp-time` });
  await docker.getNetwork(`${PREFIX}litellm-mcp-net`).disconnect({ Container: `${PREFIX}litellm` });
  const edit = ["sh", "-c", "echo '# by hand' >> /app/config.yaml"];
  const { exitCode: edited } = await runInContainer(docker, `${PREFIX}litellm`, edit);
  assert.equal(edited, 0);

  const drift = await workspace.run("npm", ["run", "--silent", "drift", "--", "--stack", STACK, "--json"]);
  assert.equal(drift.exitCode, 1, drift.output);
  const changes = [
    `container ${PREFIX}mcp-time is on network ${PREFIX}postgres-net as well`,
    `container ${PREFIX}litellm is off network ${PREFIX}litellm-mcp-net`,
    `container ${PREFIX}litellm has another /app/config.yaml than it was given`,
  ];
  for (const change of changes) {
    const [what, is] = [change.split(" ").slice(0, 2).join(" "), change.split(" ").slice(2).join(" ")];
    assert.match(drift.output, new RegExp(`"what": "${what}",\\s+"is": "${is}"`));
  }

  const { exitCode, output } = await run("up");
  assert.equal(exitCode, 0, output);
  for (const change of changes) assert.ok(output.includes(change), `${change}\n${output}`);
  const { NetworkSettings } = await named("mcp-time").inspect();
  assert.deepEqual(Object.keys(NetworkSettings.Networks), [`${PREFIX}litellm-mcp-net`]);
  await callWorks();
  const again = await workspace.run("npm", ["run", "--silent", "drift", "--", "--stack", STACK]);
  assert.equal(again.exitCode, 0, again.output);
});

test(
  "a limit and a key that somebody has changed: the first is brought back with --refresh, the second because calls fail",
  longOnly,
  async () => {
    const time = docker.getContainer(`${PREFIX}mcp-time`);
    const { HostConfig: before } = await time.inspect();
    const limit = (before.Memory ?? 0) + 32 * 2 ** 20;
    await time.update({ Memory: limit, MemorySwap: limit });
    const drift = await workspace.run("npm", ["run", "--silent", "drift", "--", "--stack", STACK]);
    assert.equal(drift.exitCode, 1, drift.output);
    assert.match(drift.output, new RegExp(`container ${PREFIX}mcp-time is changed: memory \\d+ → \\d+`));
    const refreshed = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes", "--refresh"]);
    assert.equal(refreshed.exitCode, 0, refreshed.output);
    const { HostConfig: after } = await docker.getContainer(`${PREFIX}mcp-time`).inspect();
    assert.equal(after.Memory, before.Memory);

    const { clientKeys, masterKey } = await workspace.outputs();
    await administer(PORT + 1, masterKey, "/key/delete", { keys: [clientKeys["test-key"]] });
    const { exitCode, output } = await run("up");
    assert.equal(exitCode, 0, output);
    assert.match(output, /By its state all of it is deployed\. What is different on the host is looked up:/);
    assert.match(output, /\+ create +client-test-key-key/);
    await callWorks();
  },
);

test("npm run down of what was killed while it went down leaves nothing", async () => {
  await killedWhen("down", "LiteLLM is gone", async () => !(await has("container", "litellm")));
  const { exitCode, output } = await run("down");
  assert.equal(exitCode, 0, output);
  assert.deepEqual(await leftovers(PREFIX), KEPT);
});

test("nor does it after an up that was killed early", async () => {
  const [[what, isSo] = assert.fail()] = MOMENTS.slice(1);
  await killedWhen("up", what, isSo);
  const { exitCode, output } = await run("down");
  assert.equal(exitCode, 0, output);
  assert.deepEqual(await leftovers(PREFIX), KEPT);
});
