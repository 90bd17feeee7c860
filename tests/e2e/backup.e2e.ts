import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { waitForHealth } from "../../components/docker/wait-for-health.ts";
import { NIGHTLY_SCRIPT } from "../../components/resource-names.ts";
import { execa } from "execa";
import type { Manifest } from "../../operate/backup/manifest.ts";
import { auditFiles, containerIds, docker, removeLeftovers } from "./docker.ts";
import { callTool, eventually } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// One file of all that a stack holds, and the stack as it was: in place, after a `down` and an `up`, and from nothing. And the
// backups that the host makes each day by itself.
const PREFIX = "e2e-backup-";
const STACK = "e2ebackup";
const PORT = 24400;
const VOLUMES = [`${PREFIX}mcp-memory-data`, `${PREFIX}ingress-audit`];
const off = Object.fromEntries(
  ["fetch", "filesystem", "git", "postgres", "sequentialthinking"].map((name) => [name, { enabled: false }]),
);

const ENDPOINT = { host: "unix:///var/run/docker.sock", sshOpts: [] };
const SETTINGS = {
  "litellm-mcp:docker": { host: ENDPOINT.host },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: PORT },
  "litellm-mcp:postgres": { kind: "dedicated", port: PORT + 32 },
  "litellm-mcp:servers": off,
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"], budget: 5 } },
};

let workspace: Workspace;
let folder: string;
let backup: string;
/** One of the same data, encrypted; with what opens it, in a folder of its own. */
let sealed: string;
let identity: string;
let recipient: string;
let keyFolder: string;
/** The one that the host has made. */
let nightly: string;
let keys: Record<string, string>;
let original: Awaited<ReturnType<typeof held>>;

const run = (command: string, ...args: string[]) =>
  workspace.run("npm", ["run", "--silent", command, "--", "--stack", STACK, ...args]);

/** What a command printed, of one that worked. */
async function worked(command: string, ...args: string[]): Promise<string> {
  const { exitCode, output, seconds } = await run(command, ...args);
  assert.equal(exitCode, 0, output);
  console.log(`npm run ${command}: ${seconds.toFixed(0)} s`);
  return output;
}

async function sql(database: string, text: string): Promise<string> {
  const psql = ["psql", "-XAt", "-U", "postgres", "-d", database, "-c", text];
  const { exitCode, stdout, stderr } = await runInContainer(docker, `${PREFIX}postgres`, psql);
  assert.equal(exitCode, 0, stderr);
  return stdout.trim();
}

const call = async (tool: string, args: object, key = keys["test-key"]!): Promise<string> =>
  JSON.stringify(await callTool(`http://127.0.0.1:${PORT}/mcp/`, key, tool, args as Record<string, unknown>));

const remember = (name: string) =>
  call("memory-create_entities", { entities: [{ name, entityType: "test", observations: ["said once"] }] });

/** All of the stack's data that somebody could miss, as text to compare. */
async function held() {
  const rows = (table: string, columns: string) => sql("litellm_db", `SELECT ${columns} FROM "${table}" ORDER BY 1`);
  return {
    spend: await rows("LiteLLM_SpendLogs", "request_id, call_type, spend, metadata"),
    keys: await rows("LiteLLM_VerificationToken", "token, key_alias, spend, max_budget"),
    things: await sql("mcp_db", "SELECT count(*), sum(id), md5(string_agg(name, ',' ORDER BY id)) FROM things"),
    memory: await call("memory-read_graph", {}),
  };
}

/** Rows that the comparison's own calls make are none of the backup. */
const isThere = (now: string, then: string) => then.split("\n").every((line) => now.split("\n").includes(line));

async function assertRestored(): Promise<void> {
  const now = await held();
  assert.deepEqual(now.keys, original.keys);
  assert.deepEqual(now.things, original.things);
  assert.deepEqual(now.memory, original.memory);
  assert.ok(original.spend.split("\n").length >= 3 && isThere(now.spend, original.spend), now.spend);
  assert.doesNotMatch(now.spend, /of after the backup/);
  // The files belong to the server's user, who writes to them.
  assert.match(await remember("after it was restored"), /after it was restored/);
}

before(async () => {
  await removeLeftovers(PREFIX);
  folder = await mkdtemp(path.join(tmpdir(), "e2e-backup-"));
  keyFolder = await mkdtemp(path.join(tmpdir(), "e2e-backup-key-"));
  workspace = await Workspace.create(STACK, SETTINGS);
  await worked("up", "--yes");
  keys = (await workspace.outputs()).clientKeys;
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
  for (const one of [folder, keyFolder]) await rm(one, { recursive: true });
});

test("npm run backup makes one file that only its owner can read, and says where the passphrase is", async () => {
  await remember("of before the backup");
  await call("time-get_current_time", { timezone: "UTC" }, keys["phone"]);
  await sql("litellm_db", `UPDATE "LiteLLM_VerificationToken" SET spend = 1.5 WHERE key_alias = 'phone'`);
  await sql(
    "mcp_db",
    "CREATE TABLE things (id int PRIMARY KEY, name text); INSERT INTO things SELECT i, 'thing ' || i FROM generate_series(1, 500) i",
  );
  await eventually("rows of the calls", 60, async () => {
    const rows = await sql("litellm_db", `SELECT count(*) FROM "LiteLLM_SpendLogs" WHERE call_type = 'call_mcp_tool'`);
    return Number(rows) >= 2;
  });
  original = await held();
  // The row of the reading itself.
  await eventually("the row of the last call", 60, async () => {
    const now = await sql("litellm_db", `SELECT count(*) FROM "LiteLLM_SpendLogs"`);
    return Number(now) > original.spend.split("\n").length;
  });

  const output = await worked("backup", "--to", folder, "--json");
  assert.match(output, /THE PASSPHRASE IS NOT IN IT.*PULUMI_CONFIG_PASSPHRASE/s);
  const [name = "", ...others] = await readdir(folder);
  assert.deepEqual(others, []);
  assert.match(name, /^e2ebackup-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ\.tar$/);
  backup = path.join(folder, name);
  assert.equal((await stat(backup)).mode & 0o777, 0o600);

  const { stdout } = await execa("tar", ["-xOf", backup, "manifest.json"]);
  const manifest = JSON.parse(stdout) as Manifest;
  assert.deepEqual(
    manifest.databases.map((one) => [
      one.name,
      one.rows['public."LiteLLM_VerificationToken"'] ?? one.rows["public.things"],
    ]),
    [
      ["litellm_db", 3],
      ["mcp_db", 500],
    ],
  );
  assert.deepEqual(manifest.volumes.map((one) => one.name).sort(), ["ingress-audit", "mcp-memory-data"]);
});

test("with --recipient nothing of it but the manifest can be read", async () => {
  identity = path.join(keyFolder, "identity.key");
  const made = await worked("backup", "--new-identity", identity);
  [recipient = ""] = made.split("\n");
  assert.match(made, /^age1\w{58}\n[^]*WHAT IS IN .*identity\.key OPENS THEM, and nothing else does/);
  const output = await worked("backup", "--to", keyFolder, "--recipient", recipient);
  assert.match(output, /without the identity of one of them NOBODY can read it/);
  sealed = path.join(
    keyFolder,
    (await readdir(keyFolder)).find((name) => name.endsWith(".tar"))!,
  );
  const names = (await execa("tar", ["-tf", sealed])).stdout.split("\n");
  assert.deepEqual(
    names.filter((name) => !name.endsWith(".age")),
    ["manifest.json", "manifest.json.sha256"],
  );
  const content = await readFile(sealed, "latin1");
  for (const plain of ["PGDMP", "encryptionsalt", "namePrefix"]) assert.ok(!content.includes(plain), plain);
});

test("no secret of the stack is in it in plain text", async () => {
  const content = await readFile(backup, "latin1");
  const { masterKey } = await workspace.outputs();
  for (const secret of [...Object.values(keys), masterKey, await workspace.postgresPassword()])
    assert.ok(!content.includes(secret));
});

test("a backup that fails leaves no file and the earlier one as it is", async () => {
  const size = (await stat(backup)).size;
  // By its id: its name is another one for a while.
  const memory = docker.getContainer((await containerIds(PREFIX))["mcp-memory"]!);
  await memory.rename({ name: `${PREFIX}mcp-memory-away` });
  try {
    const { exitCode, output } = await run("backup", "--to", folder);
    assert.equal(exitCode, 1, output);
    assert.match(output, /mcp-memory/);
  } finally {
    await memory.rename({ name: `${PREFIX}mcp-memory` });
  }
  assert.deepEqual(await readdir(folder), [path.basename(backup)]);
  assert.equal((await stat(backup)).size, size);
});

for (const [what, spoil, message] of [
  [
    "a byte of a dump is another",
    async (file: string) => {
      const content = await readFile(file);
      const at = content.indexOf("PGDMP") + 40_000;
      content[at] = content[at]! ^ 1;
      await writeFile(file, content);
    },
    /litellm_db\.dump in it is damaged/,
  ],
  ["it ends too early", (file: string) => truncate(file, 400_000), /it ends too early/],
  ["it is something else", (file: string) => writeFile(file, "no backup at all"), /is no backup that can be restored/],
] as const)
  test(`refused, with nothing changed: ${what}`, async () => {
    const ids = await containerIds(PREFIX);
    const file = path.join(folder, "spoilt.tar");
    await copyFile(backup, file);
    await spoil(file);
    const { exitCode, output } = await run("restore", file, "--yes");
    await rm(file);
    assert.equal(exitCode, 1, output);
    assert.match(output, message);
    assert.deepEqual(await containerIds(PREFIX), ids);
    assert.equal((await held()).keys, original.keys);
  });

test("refused, with nothing changed: encrypted, without the identity and with another one", async () => {
  const ids = await containerIds(PREFIX);
  const without = await run("restore", sealed, "--yes");
  assert.equal(without.exitCode, 1, without.output);
  assert.match(
    without.output,
    new RegExp(`is encrypted for ${recipient}\\. .* --identity KEYFILE\\. Without it nobody`),
  );
  const other = path.join(keyFolder, "other.key");
  await worked("backup", "--new-identity", other);
  const wrong = await run("restore", sealed, "--identity", other, "--yes");
  assert.equal(wrong.exitCode, 1, wrong.output);
  assert.match(wrong.output, new RegExp(`other\\.key does not open .* the backup is encrypted for ${recipient}:`));
  assert.deepEqual(await containerIds(PREFIX), ids);
});

test("refused, with nothing changed: of another stack, with another passphrase, without a terminal", async () => {
  const other = await workspace.run("npm", ["run", "--silent", "restore", "--", backup, "--stack", "other", "--yes"]);
  assert.equal(other.exitCode, 1, other.output);
  assert.match(other.output, /is of stack e2ebackup, and not of other/);
  const passphrase = await workspace.run(
    "npm",
    ["run", "--silent", "restore", "--", backup, "--stack", STACK, "--yes"],
    { env: { PULUMI_CONFIG_PASSPHRASE: "not the one" } },
  );
  assert.equal(passphrase.exitCode, 1, passphrase.output);
  assert.match(passphrase.output, /passphrase/);
  const asked = await run("restore", backup);
  assert.equal(asked.exitCode, 1, asked.output);
  assert.match(asked.output, /nothing was changed: without a terminal to ask on, this needs --yes/);
  assert.equal((await held()).keys, original.keys);
});

test("refused, with nothing changed: the stack is there, and only its state is missing", async () => {
  const state = await workspace.exportState({ showSecrets: false });
  const lost = await workspace.pulumi("stack", "rm", "--yes", "--force", "--preserve-config");
  assert.equal(lost.exitCode, 0, lost.output);
  const ids = await containerIds(PREFIX);
  const { exitCode, output } = await run("restore", backup, "--yes");
  assert.deepEqual(await containerIds(PREFIX), ids);
  const file = path.join(folder, "state.json");
  await writeFile(file, state);
  const brought = await workspace.pulumi("stack", "import", "--file", file);
  assert.equal(brought.exitCode, 0, brought.output);
  assert.equal(exitCode, 1, output);
  assert.match(output, /pulumi stack import --stack e2ebackup/);
});

test("in place: what was changed since is gone, and nothing that was recorded is", async () => {
  await remember("of after the backup");
  await sql("mcp_db", "DELETE FROM things WHERE id > 10; CREATE TABLE newer (id int)");
  await sql("litellm_db", `DELETE FROM "LiteLLM_VerificationToken" WHERE key_alias = 'phone'`);
  const recorded = await auditFiles(`${PREFIX}ingress`);
  await worked("restore", backup, "--yes");
  await assertRestored();
  assert.equal(await sql("mcp_db", "SELECT to_regclass('newer') IS NULL"), "t");
  const still = await auditFiles(`${PREFIX}ingress`);
  assert.ok(recorded.split("\n").every((line) => still.includes(line)));
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

/** In the container that makes a backup each day. */
async function inBackup(...command: string[]) {
  const { exitCode, stdout, stderr } = await runInContainer(docker, `${PREFIX}backup`, command);
  return { exitCode, output: stdout + stderr };
}
const IN_CONTAINER = `/backups/nightly-${STACK}`;
const madeByHost = async () =>
  (await inBackup("find", IN_CONTAINER, "-name", "*.tar", "-printf", "%f\n")).output.trim().split("\n").sort();

test("litellm-mcp:backup comes to a stack that is deployed: nothing else is replaced, and a backup is made at once", async () => {
  const before = await containerIds(PREFIX);
  await workspace.writeConfig({ ...SETTINGS, "litellm-mcp:backup": { keep: 2, recipients: [recipient] } });
  await worked("up", "--yes");
  const { backup: added, ...others } = await containerIds(PREFIX);
  assert.deepEqual(others, before);
  assert.ok(added);
  const [first = "", ...more] = await madeByHost();
  assert.deepEqual(more, []);
  assert.match(await worked("status"), new RegExp(`Backups that the host makes each day[^]* ${first} .* UTC .* 1 `));
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

test("one that fails and one that is damaged take no good one away, and status and doctor tell of both", async () => {
  const [first = ""] = await madeByHost();
  await docker.getContainer(`${PREFIX}postgres`).stop();
  const failed = await inBackup("bash", NIGHTLY_SCRIPT, "now");
  assert.equal(failed.exitCode, 1, failed.output);
  assert.deepEqual(await madeByHost(), [first]);
  // Why it failed outlives the container's memory.
  await docker.getContainer(`${PREFIX}backup`).restart({ t: 1 });
  const told = await run("status");
  await docker.getContainer(`${PREFIX}postgres`).start();
  await waitForHealth({ docker: ENDPOINT, container: `${PREFIX}postgres`, withinSeconds: 90 });
  await waitForHealth({ docker: ENDPOINT, container: `${PREFIX}litellm`, withinSeconds: 240 });
  assert.equal(told.exitCode, 1, told.output);
  assert.match(
    told.output,
    new RegExp(` ${first} [^]*✖ the backup of .* failed: .*postgres.* docker exec ${PREFIX}backup bash`),
  );

  await inBackup("truncate", "-s", "3000", `${IN_CONTAINER}/${first}`);
  const doctor = await run("doctor");
  assert.equal(doctor.exitCode, 1, doctor.output);
  assert.match(
    doctor.output,
    new RegExp(`✖ the backup of .* failed: [^]*✖ backup ${first} is damaged: it cannot be restored`),
  );
  for (let time = 0; time < 3; time++) await inBackup("bash", NIGHTLY_SCRIPT, "now");
  // Two are kept that are whole.
  const [damaged, ...good] = await madeByHost();
  assert.deepEqual([damaged, good.length], [first, 2]);
  await inBackup("rm", `${IN_CONTAINER}/${first}`);
  await eventually("the container is healthy again", 60, async () => (await run("status")).exitCode === 0);
});

test("one of the host's is restored in place: rows, keys and memories are as they were", async () => {
  const then = await held();
  const { exitCode, output: name } = await inBackup("bash", NIGHTLY_SCRIPT, "now");
  assert.equal(exitCode, 0, name);
  await execa("docker", ["cp", `${PREFIX}backup:${IN_CONTAINER}/${name.trim()}`, folder]);
  nightly = path.join(folder, name.trim());
  const content = await readFile(nightly, "latin1");
  assert.ok(!content.includes("PGDMP"));
  // Debian's age is in the container, and no identity is.
  const part = `<(tar -xOf ${IN_CONTAINER}/${name.trim()} litellm_db.dump.age)`;
  const opened = (input: string) =>
    runInContainer(docker, `${PREFIX}backup`, ["bash", "-c", `age --decrypt -i - ${part} | head -c 5`], input);
  assert.equal((await opened(await readFile(identity, "utf8"))).stdout, "PGDMP");
  assert.equal((await opened(await readFile(path.join(keyFolder, "other.key"), "utf8"))).stdout, "");
  for (const secret of [...Object.values(keys), await workspace.postgresPassword()])
    assert.ok(!content.includes(secret));

  await remember("of after the backup of the night");
  await sql("mcp_db", "DELETE FROM things WHERE id > 10");
  await sql("litellm_db", `DELETE FROM "LiteLLM_VerificationToken" WHERE key_alias = 'phone'`);
  assert.match(
    await worked("restore", nightly, "--identity", identity, "--yes"),
    /without the state: the keys of today stay/,
  );
  const now = await held();
  assert.deepEqual([now.keys, now.things, now.memory], [then.keys, then.things, then.memory]);
  assert.ok(isThere(now.spend, then.spend), now.spend);
});

const removeVolumes = async () => {
  for (const volume of VOLUMES) await docker.getVolume(volume).remove();
};

test(
  "after down, without its volumes, and up: the keys of before work again, and those of the new stack do not",
  longOnly,
  async () => {
    await worked("down", "--yes");
    await removeVolumes();
    await worked("up", "--yes");
    const { clientKeys } = await workspace.outputs();
    assert.notEqual(clientKeys["phone"], keys["phone"]);

    // The host has no state, so no keys: those of today stay, and all the rest comes back.
    await worked("restore", nightly, "--identity", identity, "--yes");
    assert.deepEqual((await workspace.outputs()).clientKeys, clientKeys);
    assert.equal(await sql("mcp_db", "SELECT count(*) FROM things"), "500");
    assert.match(await call("memory-read_graph", {}, clientKeys["test-key"]), /of before the backup/);
    await assert.rejects(call("memory-read_graph", {}), /wrong key/);

    assert.match(await worked("restore", backup, "--yes"), /those of today are refused/);
    assert.deepEqual((await workspace.outputs()).clientKeys, keys);
    await assertRestored();
    await assert.rejects(call("time-get_current_time", { timezone: "UTC" }, clientKeys["test-key"]), /wrong key/);
    assert.match(await auditFiles(`${PREFIX}ingress`), /of before the backup/);
    const { exitCode, output } = await workspace.previewWithoutChanges();
    assert.equal(exitCode, 0, output);
  },
);

test("from nothing, by one command: the stack is deployed with the keys of the backup", async () => {
  await worked("down", "--yes");
  await removeVolumes();
  const { exitCode: refused, output: said } = await run("restore", nightly, "--identity", identity, "--yes");
  assert.equal(refused, 1, said);
  assert.match(said, /nothing was changed: stack e2ebackup is not deployed, .* without the state, so it has no keys/);
  await worked("restore", sealed, "--identity", identity, "--yes");
  assert.deepEqual((await workspace.outputs()).clientKeys, keys);
  await assertRestored();
  assert.match(await auditFiles(`${PREFIX}ingress`), /of before the backup/);
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

test("no key was printed", () => {
  for (const key of Object.values(keys)) assert.ok(!workspace.printed.includes(key));
});
