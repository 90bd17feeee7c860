import assert from "node:assert/strict";
import net from "node:net";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import pg from "pg";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { startSshd, type TestSshd } from "../../lab/docker/sshd.ts";
import type { Manifest } from "../../operate/backup/manifest.ts";
import type { Status } from "../../operate/status/status.ts";
import { freePort } from "../free-port.ts";
import { clientViewTests, testClients, testModels } from "./client-view.ts";
import { bridgeAddress, docker, leftovers, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { Workspace } from "./workspace.ts";

// Docker over ssh, an existing Postgres: an sshd of the lab and a Postgres outside the stack play linuxserver.lan.
const PREFIX = "e2e-lan-";
const GATEWAY_PORT = 24000;
const POSTGRES_PORT = 25432;
const POSTGRES_CONTAINER = "existing-postgres-for-e2e";
const PASSWORD = "administrator-of-the-existing-server";

let address: string;
let sshd: TestSshd;
let sshPort: number;
let workspace: Workspace;
const adminUrl = (database: string) => `postgresql://postgres:${PASSWORD}@${address}:${POSTGRES_PORT}/${database}`;

const config = (overrides: Record<string, unknown> = {}) => ({
  "litellm-mcp:docker": { host: sshd.url, knownHosts: sshd.knownHosts, identity: sshd.identity },
  "litellm-mcp:lan": { address, hostname: address },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: GATEWAY_PORT, auditResults: true },
  "litellm-mcp:postgres": {
    kind: "existing",
    host: address,
    port: POSTGRES_PORT,
    adminUser: "postgres",
    sslmode: "disable",
    protect: false,
  },
  "litellm-mcp:backup": { keep: 2 },
  "litellm-mcp:servers": { everything: { enabled: true } },
  "litellm-mcp:models": testModels,
  "litellm-mcp:clients": testClients,
  ...overrides,
});

before(async () => {
  address = await bridgeAddress();
  await removeLeftovers(PREFIX);
  sshPort = await freePort();
  sshd = await startSshd({ address: "127.0.0.1", port: sshPort });
  await docker
    .getContainer(POSTGRES_CONTAINER)
    .remove({ force: true, v: true })
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    });
  const postgres = await docker.createContainer({
    name: POSTGRES_CONTAINER,
    Image: "postgres:17.6-trixie",
    Env: [`POSTGRES_PASSWORD=${PASSWORD}`],
    Cmd: ["postgres", "-c", `listen_addresses=${address}`, "-c", `port=${POSTGRES_PORT}`],
    HostConfig: { NetworkMode: "host" },
  });
  await postgres.start();
  workspace = await Workspace.create("e2elan", config());
  await workspace.addClock();
  const init = await workspace.run("pulumi", ["stack", "init", "e2elan"]);
  assert.equal(init.exitCode, 0, init.output);
  await eventually("the existing Postgres answers", 60, async () => {
    const client = new pg.Client({ connectionString: adminUrl("postgres") });
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    );
  });
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
  await docker.getContainer(POSTGRES_CONTAINER).remove({ force: true, v: true });
  await sshd.stop();
});

/** A preview with other settings must fail with this message, before anything is on the host. */
async function previewFails(overrides: Record<string, unknown>, message: RegExp): Promise<void> {
  await workspace.writeConfig({ ...config(overrides), ...(await secrets()) });
  const { exitCode, output } = await workspace.pulumi("preview");
  await workspace.writeConfig({ ...config(), ...(await secrets()) });
  assert.notEqual(exitCode, 0, output);
  assert.match(output, message);
  assert.deepEqual(await leftovers(PREFIX), []);
}

/** The encrypted part of the settings, as `pulumi config set --secret` wrote it. */
const secrets = async () => workspace.configSection("litellm-mcp:secrets");

test("a missing secret is reported with the command that sets it", async () => {
  const { exitCode, output } = await workspace.pulumi("preview");
  assert.notEqual(exitCode, 0);
  assert.match(output, /pulumi config set --secret --path 'litellm-mcp:secrets\.postgresAdminPassword'/);
  const set = await workspace.pulumi(
    "config",
    "set",
    "--secret",
    "--path",
    "litellm-mcp:secrets.postgresAdminPassword",
    "not-the-password",
  );
  assert.equal(set.exitCode, 0, set.output);
});

test("a Postgres that refuses the password is reported before anything is changed", async () => {
  await previewFails({}, /litellm-mcp:postgres \(existing\) refuses postgres@.*password authentication failed/s);
  const set = await workspace.pulumi(
    "config",
    "set",
    "--secret",
    "--path",
    "litellm-mcp:secrets.postgresAdminPassword",
    PASSWORD,
  );
  assert.equal(set.exitCode, 0, set.output);
});

test("an unknown SSH host key is refused, and the message says how to make it known", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "known-hosts-"));
  await writeFile(path.join(folder, "known_hosts"), "");
  await previewFails(
    { "litellm-mcp:docker": { host: sshd.url, knownHosts: path.join(folder, "known_hosts"), identity: sshd.identity } },
    new RegExp(`SSH host key of 127\\.0\\.0\\.1:${sshPort} is not known.*ssh-keyscan -p ${sshPort}`, "s"),
  );
  await rm(folder, { recursive: true });
});

test("a host that does not answer is reported", async () => {
  const nobody = await freePort();
  await previewFails(
    {
      "litellm-mcp:docker": {
        host: sshd.url.replace(String(sshPort), String(nobody)),
        knownHosts: sshd.knownHosts,
        identity: sshd.identity,
      },
    },
    new RegExp(`127\\.0\\.0\\.1:${nobody} does not answer`),
  );
});

test("a host without Docker is reported", async () => {
  // A login whose shell finds no docker command.
  const folder = await mkdtemp(path.join(tmpdir(), "no-docker-"));
  await symlink((await execa("sh", ["-c", "command -v sh"])).stdout, path.join(folder, "sh"));
  const port = await freePort();
  const bare = await startSshd({ address: "127.0.0.1", port, path: folder });
  try {
    await previewFails(
      { "litellm-mcp:docker": { host: bare.url, knownHosts: bare.knownHosts, identity: bare.identity } },
      new RegExp(`no docker command on 127\\.0\\.0\\.1:${port}`),
    );
  } finally {
    await bare.stop();
    await rm(folder, { recursive: true });
  }
});

test("a port that is taken is reported with its setting", async () => {
  const other = net.createServer().listen(GATEWAY_PORT, address);
  await new Promise((resolve) => other.on("listening", resolve));
  try {
    await previewFails(
      {},
      new RegExp(`port ${GATEWAY_PORT} on ${address} is taken by another program.*litellm-mcp:gateway\\.port`, "s"),
    );
  } finally {
    other.close();
  }
});

test("programs for the backup that are older than the Postgres are reported before anything is changed", async () => {
  await previewFails(
    { "litellm-mcp:backup": { image: "postgres:16.4-trixie" } },
    /litellm-mcp:backup\.image: postgres:16\.4-trixie has the programs of Postgres 16, and the server is 17/,
  );
});

test("pulumi up deploys over ssh", async () => {
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`pulumi up over ssh: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
});

test("a preview shows no changes, before and after a refresh", async () => {
  for (const step of [
    () => workspace.previewWithoutChanges(),
    () => workspace.upWithoutChanges(),
    () => workspace.pulumi("refresh", "--yes", "--expect-no-changes", "--parallel", "8"),
    () => workspace.previewWithoutChanges(),
  ]) {
    const { exitCode, output } = await step();
    assert.equal(exitCode, 0, output);
  }
});

const STACK_NAME = "e2elan";
const npm = (command: string, ...args: string[]) =>
  workspace.run("npm", ["run", "--silent", command, "--", "--stack", STACK_NAME, ...args]);

test("the host has made a backup of the existing Postgres, of what is the stack's alone", async () => {
  const status = await npm("status");
  assert.equal(status.exitCode, 0, status.output);
  const [, name] = /Backups that the host makes each day[^]* (e2elan-\S+Z\.tar) /.exec(status.output) ?? [];
  const { stdout } = await runInContainer(docker, `${PREFIX}backup`, [
    ...["tar", "-xOf", `/backups/nightly-${STACK_NAME}/${name}`, "manifest.json"],
  ]);
  const { databases, volumes } = JSON.parse(stdout) as Manifest;
  assert.deepEqual(
    databases.map((one) => [one.name, (one.rows['public."LiteLLM_VerificationToken"'] ?? 0) > 0]),
    [
      ["litellm_db", true],
      ["mcp_db", false],
    ],
  );
  assert.deepEqual(
    volumes.map((one) => one.name),
    ["ingress-audit", "mcp-memory-data"],
  );
});

test("status tells how large the stack's databases in the existing Postgres are, and what each client has spent", async () => {
  const { exitCode, output } = await npm("status", "--json");
  assert.equal(exitCode, 0, output);
  const { databases, clients } = JSON.parse(output) as Status;
  assert.deepEqual([databases.problem, databases.databases.map(({ name }) => name)], ["", ["litellm_db", "mcp_db"]]);
  assert.ok(
    databases.databases.every(({ bytes }) => bytes > 2 ** 20),
    output,
  );
  assert.ok(clients.length > 0 && clients.every(({ spend }) => typeof spend?.spent === "number"), output);
});

clientViewTests(
  () => workspace,
  async () => adminUrl("litellm_db"),
  { prefix: PREFIX, auditResults: true, adminPort: GATEWAY_PORT + 1 },
);

test("destroy leaves no container, network, database or role, and of the volumes only clients' data, audit files and backups", async () => {
  const { exitCode, output } = await workspace.destroy();
  assert.equal(exitCode, 0, output);
  assert.deepEqual((await leftovers(PREFIX)).sort(), [
    ...[`${PREFIX}backups`, `${PREFIX}ingress-audit`, `${PREFIX}mcp-memory-data`],
  ]);
  const client = new pg.Client({ connectionString: adminUrl("postgres") });
  await client.connect();
  const { rows } = await client.query(
    `SELECT datname AS name FROM pg_database WHERE datname IN ('litellm_db', 'mcp_db') UNION SELECT rolname FROM pg_roles WHERE rolname IN ('litellm_user', 'mcp_readonly')`,
  );
  await client.end();
  assert.deepEqual(rows, []);
});
