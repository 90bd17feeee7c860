import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import net from "node:net";
import { once } from "node:events";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import { parse } from "yaml";
import { startSshd, type TestSshd } from "../../lab/docker/sshd.ts";
import { freePort } from "../free-port.ts";
import { auditLines, bridgeAddress, containerIds, docker, leftovers, removeLeftovers } from "./docker.ts";
import { administer, callTool, eventually } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// Docker over ssh with a dedicated Postgres: everything but the gateway's port is reached through ssh.
const PREFIX = "e2e-ssh-";
const GATEWAY_PORT = 26000;
const ADMIN_PORT = 26001;
const POSTGRES_PORT = 26432;
const TUNNEL_PORT = 26433;
const SERVERS = ["memory", "time"];

let address: string;
let sshd: TestSshd;
let workspace: Workspace;
let other: Workspace;

const config = (overrides: Record<string, unknown> = {}) => ({
  "litellm-mcp:docker": { host: sshd.url, knownHosts: sshd.knownHosts, identity: sshd.identity },
  "litellm-mcp:lan": { address },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: GATEWAY_PORT },
  "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT, tunnelPort: TUNNEL_PORT },
  "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"] } },
  ...overrides,
});

/** A checkout with few servers. */
async function smallWorkspace(stack: string): Promise<Workspace> {
  const made = await Workspace.create(stack, config());
  for (const server of await made.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(made.root, "mcp", server), { recursive: true });
  const init = await made.run("pulumi", ["stack", "init", stack]);
  assert.equal(init.exitCode, 0, init.output);
  return made;
}

/** The ports of the stack, by the address on which they listen. */
async function listeners(): Promise<string[]> {
  const { stdout } = await execa("ss", ["-Hltn"]);
  const local = stdout.split("\n").map((line) => line.trim().split(/\s+/)[3] ?? "");
  return local
    .filter((where) =>
      [GATEWAY_PORT, ADMIN_PORT, POSTGRES_PORT, TUNNEL_PORT].some((port) => where.endsWith(`:${port}`)),
    )
    .sort();
}

const succeeds = ({ exitCode, output }: { exitCode: number; output: string }) => assert.equal(exitCode, 0, output);

before(async () => {
  address = await bridgeAddress();
  await removeLeftovers(PREFIX);
  sshd = await startSshd({ address: "127.0.0.1", port: await freePort() });
  workspace = await smallWorkspace("e2essh");
  other = await smallWorkspace("e2eother");
});

after(async () => {
  await workspace.end();
  await other.end();
  await sshd.stop();
  await removeLeftovers(PREFIX);
});

test("a tunnel's port that is taken is reported with its setting, before anything is on the host", async () => {
  const taken = net.createServer().listen(TUNNEL_PORT, "127.0.0.1");
  await once(taken, "listening");
  try {
    const { exitCode, output } = await workspace.pulumi("preview");
    assert.notEqual(exitCode, 0, output);
    assert.match(
      output,
      new RegExp(
        `port ${TUNNEL_PORT} on 127\\.0\\.0\\.1 of this machine.*is taken by another program.*litellm-mcp:postgres\\.tunnelPort`,
      ),
    );
  } finally {
    taken.close();
  }
  assert.deepEqual(await leftovers(PREFIX), []);
});

test("a port of the host's loopback that is taken is reported through ssh", async () => {
  const taken = net.createServer().listen(ADMIN_PORT, "127.0.0.1");
  await once(taken, "listening");
  try {
    const { exitCode, output } = await workspace.pulumi("preview");
    assert.notEqual(exitCode, 0, output);
    assert.match(
      output,
      new RegExp(`port ${ADMIN_PORT} on 127\\.0\\.0\\.1 is taken by another program.*litellm-mcp:gateway\\.adminPort`),
    );
  } finally {
    taken.close();
  }
});

test("pulumi up deploys through the tunnel", async () => {
  const { exitCode, output, seconds } = await workspace.pulumi("up", "--yes", "--parallel", "8");
  console.log(`pulumi up with a preview, over ssh with a tunnel: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
});

test("the tunnel ends by itself, and only the gateway listens on the LAN address", async () => {
  await eventually("the tunnel has ended", 10, async () => !(await listeners()).includes(`127.0.0.1:${TUNNEL_PORT}`));
  const expected = [
    `127.0.0.1:${GATEWAY_PORT}`,
    `127.0.0.1:${ADMIN_PORT}`,
    `127.0.0.1:${POSTGRES_PORT}`,
    `${address}:${GATEWAY_PORT}`,
  ];
  assert.deepEqual(await listeners(), expected.sort());
  // Clients on the host itself write localhost.
  assert.equal((await fetch(`http://127.0.0.1:${GATEWAY_PORT}/health`)).status, 200);
});

test("npm run audit reads the record over ssh, also while the ingress is stopped", async () => {
  const expected = (await auditLines(`${PREFIX}ingress`)).map(({ client, tool }) => `${client} ${tool}`).sort();
  assert.ok(expected.length > 2, `up has made only ${expected.length} calls`);
  const audit = async () => {
    const words = "npm run --silent audit -- --stack e2essh --json 2>/dev/null";
    const { exitCode, output } = await workspace.run("bash", ["-c", words]);
    assert.equal(exitCode, 0, output);
    const records = output.split("\n").map((line) => JSON.parse(line) as { client: string; tool: string });
    return records.map(({ client, tool }) => `${client} ${tool}`).sort();
  };
  assert.deepEqual(await audit(), expected);
  const ingress = docker.getContainer(`${PREFIX}ingress`);
  await ingress.stop();
  try {
    assert.deepEqual(await audit(), expected);
  } finally {
    await ingress.start();
  }
  await eventually("the gateway answers again", 60, async () =>
    fetch(`http://127.0.0.1:${GATEWAY_PORT}/health`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
});

test("a preview shows no changes, before and after a refresh, also while another one runs", longOnly, async () => {
  const before = await containerIds(PREFIX);
  (await Promise.all([workspace.previewWithoutChanges(), workspace.previewWithoutChanges()])).forEach(succeeds);
  succeeds(await workspace.upWithoutChanges());
  succeeds(await workspace.pulumi("refresh", "--run-program", "--yes", "--expect-no-changes", "--parallel", "8"));
  succeeds(await workspace.previewWithoutChanges());
  assert.deepEqual(await containerIds(PREFIX), before);
});

test(
  "a key that somebody changed in LiteLLM gains its client nothing; a refresh shows it and the next up repairs it",
  longOnly,
  async () => {
    const { gateway, masterKey, clientKeys } = await workspace.outputs();
    const phone = clientKeys["phone"] ?? "";
    await administer(ADMIN_PORT, masterKey, "/key/update", {
      key: phone,
      object_permission: { mcp_access_groups: ["memory", "time"] },
      rpm_limit: 7,
      max_budget: 3,
    });
    assert.match(await callTool(gateway, phone, "memory-read_graph"), /this key may not use server memory/);
    succeeds(await workspace.pulumi("refresh", "--run-program", "--yes", "--parallel", "8"));
    const state = await workspace.exportState({ showSecrets: false });
    for (const secret of [masterKey, phone])
      assert.ok(!state.includes(secret), "a secret is in the state in plain text");
    const preview = await workspace.previewWithoutChanges();
    assert.notEqual(preview.exitCode, 0, preview.output);
    for (const changed of ["groups", "rpm", "budget"])
      assert.ok(preview.output.includes(changed), `${changed} is not in:\n${preview.output}`);
    succeeds(await workspace.up());
    assert.match(await callTool(gateway, phone, "time-get_current_time", { timezone: "UTC" }), /"timezone"/);
    succeeds(await workspace.previewWithoutChanges());
  },
);

test("a stack with another state may not touch what belongs to this one, and changes nothing", async () => {
  const seen = async () => [await containerIds(PREFIX), (await leftovers(PREFIX)).sort()];
  const before = await seen();
  for (const attempt of [await other.pulumi("preview"), await other.up()]) {
    assert.notEqual(attempt.exitCode, 0, attempt.output);
    for (const one of [
      "container e2e-ssh-litellm",
      "container e2e-ssh-ingress",
      "volume e2e-ssh-ingress-audit",
      "network e2e-ssh-postgres-net",
      "volume e2e-ssh-postgres-data",
      "volume e2e-ssh-mcp-memory-data",
    ])
      assert.match(
        attempt.output,
        new RegExp(
          `${one} belongs to stack e2essh \\(project litellm-mcp\\) of another Pulumi state \\(since 20\\d\\d-\\d\\d-\\d\\d\\)`,
        ),
      );
  }
  assert.deepEqual(await seen(), before);
});

test("a container that somebody else made is refused, and the message says what it is", async () => {
  const image = (await docker.getContainer(`${PREFIX}mcp-time`).inspect()).Image;
  await other.writeConfig(
    config({
      "litellm-mcp:namePrefix": `${PREFIX}other-`,
      "litellm-mcp:gateway": { port: 26010 },
      "litellm-mcp:postgres": { kind: "dedicated", port: 26442, tunnelPort: 26443 },
    }),
  );
  const strange = await docker.createContainer({
    name: `${PREFIX}other-litellm`,
    Image: image,
    Labels: { "com.docker.compose.project": "ai" },
  });
  try {
    const { exitCode, output } = await other.pulumi("preview");
    assert.notEqual(exitCode, 0, output);
    assert.match(
      output,
      new RegExp(
        `container ${PREFIX}other-litellm was not made by this program \\(image .*, compose project ai, created, since .*docker compose -p ai down`,
      ),
    );
  } finally {
    await strange.remove();
  }
  succeeds(await other.pulumi("preview"));
});

test("destroy needs no tunnel, and the volume that it keeps goes to the same stack only", async () => {
  succeeds(await workspace.destroy());
  assert.deepEqual((await leftovers(PREFIX)).sort(), [`${PREFIX}ingress-audit`, `${PREFIX}mcp-memory-data`]);
  assert.deepEqual(await listeners(), []);
  await other.writeConfig(config());
  const refused = await other.pulumi("preview");
  assert.notEqual(refused.exitCode, 0, refused.output);
  assert.match(refused.output, /volume e2e-ssh-mcp-memory-data belongs to stack e2essh/);
  assert.ok("encryptionsalt" in (parse(await workspace.readFile("Pulumi.e2essh.yaml")) as object));
  succeeds(await workspace.up());
  succeeds(await workspace.upWithoutChanges());
  succeeds(await workspace.pulumi("refresh", "--run-program", "--yes", "--expect-no-changes", "--parallel", "8"));
  succeeds(await workspace.previewWithoutChanges());
});
