import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import type { Status } from "../../operate/status/status.ts";
import { AlertReceiver } from "./alert-receiver.ts";
import { auditLines, containerIds, docker, logsOf, removeLeftovers } from "./docker.ts";
import { administer, callTool, eventually, listTools } from "./gateway.ts";
import { longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// Somebody is told of what goes wrong between two `up`s, and when it is right again.
const PREFIX = "e2e-scheduled-";
const STACK = "e2escheduled";
const PORT = 18100;
const GATEWAY = `http://127.0.0.1:${PORT}`;
const CHECK = `${PREFIX}scheduled-check`;
const TOKEN = "token-of-the-receiver";
const off = Object.fromEntries(
  ["fetch", "filesystem", "git", "postgres", "sequentialthinking"].map((name) => [name, { enabled: false }]),
);

const receiver = new AlertReceiver();
let receiverUrl: string;
let workspace: Workspace;
let config: Record<string, unknown>;

before(async () => {
  await removeLeftovers(PREFIX);
  receiverUrl = await receiver.start();
  config = {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: 18532 },
    "litellm-mcp:servers": off,
    "litellm-mcp:backup": {},
    "litellm-mcp:scheduledCheck": {
      minutes: 1,
      alert: {
        url: `${receiverUrl}/alerts`,
        header: { name: "X-Gotify-Key", secret: "receiverToken" },
      },
    },
  };
  workspace = await Workspace.create(STACK, config);
  assert.equal((await workspace.run("pulumi", ["stack", "init", STACK, "--non-interactive"])).exitCode, 0);
  const set = ["config", "set", "--secret", "--path", "litellm-mcp:secrets.receiverToken", TOKEN];
  assert.equal((await workspace.pulumi(...set)).exitCode, 0);
  config = { ...config, ...(await workspace.configSection("litellm-mcp:secrets")) };
});

after(async () => {
  await workspace.end();
  receiver.close();
  await removeLeftovers(PREFIX);
});

const up = () => workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes"]);

async function status(): Promise<Status & { readonly problems: readonly string[] }> {
  const { output } = await workspace.run("npm", ["run", "--silent", "status", "--", "--stack", STACK, "--json"]);
  return JSON.parse(output.slice(output.indexOf("{"))) as Status & { readonly problems: readonly string[] };
}

const health = async () => (await docker.getContainer(CHECK).inspect()).State.Health?.Status;
const told = receiver.told.bind(receiver);

/** The key with which it asks, as Docker has it. */
async function keyOfCheck(): Promise<string> {
  const { Config } = await docker.getContainer(CHECK).inspect();
  return Config.Env.find((line) => line.startsWith("CLIENT_KEY="))!.slice("CLIENT_KEY=".length);
}

test("up is green when it has looked once and its receiver was reached", async () => {
  const { exitCode, output, seconds } = await up();
  assert.equal(exitCode, 0, output);
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(await health(), "healthy");
  assert.deepEqual(
    receiver.posted.map(({ title }) => title),
    [`Alerts arrive (${STACK})`],
  );
  const { scheduledCheck, problems } = await status();
  assert.deepEqual(problems, []);
  assert.deepEqual(scheduledCheck?.last?.tried, [
    "the gateway",
    "memory",
    "time",
    "what must fail",
    "the disk",
    "the backup",
  ]);
  assert.equal((await workspace.previewWithoutChanges()).exitCode, 0);
});

test("its key lists and calls the tool of each check, and nothing else; its calls are in the record", async () => {
  const key = await keyOfCheck();
  assert.deepEqual(await listTools(`${GATEWAY}/mcp/`, key), ["memory-search_nodes", "time-get_current_time"]);
  const forbidden = await callTool(`${GATEWAY}/mcp/`, key, "memory-delete_entities", { entityNames: ["all"] });
  assert.match(forbidden, /may not call delete_entities of server memory/);
  const asked = await fetch(`${GATEWAY}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "mock", messages: [{ role: "user", content: "hi" }] }),
  });
  assert.equal(asked.status, 403, await asked.text());
  const { clientKeys } = await workspace.outputs();
  assert.deepEqual(Object.keys(clientKeys), ["test-key"]);
  const calls = (await auditLines(`${PREFIX}ingress`)).filter(({ client }) => client === "scheduled-check");
  assert.ok(calls.some(({ server, tool }) => server === "time" && tool === "get_current_time"));
});

test("a server that stops is told, in status and to the receiver, and told again when it is back", async () => {
  await docker.getContainer(`${PREFIX}mcp-time`).stop();
  const firing = await eventually("an alert", 150, async () => told("McpServerFails", "firing", "time"));
  assert.match(firing.annotations["description"]!, /^MCP server "time" /);
  await eventually("an unhealthy container", 30, async () => (await health()) === "unhealthy");
  assert.ok((await status()).problems.some((one) => /the scheduled check finds, since .*MCP server "time"/.test(one)));
  await docker.getContainer(`${PREFIX}mcp-time`).start();
  await eventually("the end of the alert", 120, async () => told("McpServerFails", "resolved", "time"));
  await eventually("a healthy container", 30, async () => (await health()) === "healthy");
  assert.equal(told("McpServerFails", "firing", "memory"), undefined);
});

test(
  "a key that somebody deletes is told; while nobody listens it is kept, and the up that mends it replaces the container",
  longOnly,
  async () => {
    const { masterKey } = await workspace.outputs();
    receiver.isDeaf = true;
    await administer(PORT + 1, masterKey, "/key/delete", { key_aliases: ["scheduled-check"] });
    await eventually("that nobody can be told", 200, async () =>
      (await status()).problems.find((one) => one.startsWith("the scheduled check cannot tell anybody")),
    );
    assert.equal(told("GatewayFails", "firing"), undefined);
    receiver.isDeaf = false;
    await eventually("the alert", 90, async () => told("GatewayFails", "firing"));
    const before = (await containerIds(PREFIX))["scheduled-check"];
    await workspace.writeConfig({
      ...config,
      "litellm-mcp:scheduledCheck": { ...(config["litellm-mcp:scheduledCheck"] as object), minutes: 2 },
    });
    const repaired = await workspace.run("npm", ["run", "up", "--", "--stack", STACK, "--yes", "--refresh"]);
    assert.equal(repaired.exitCode, 0, repaired.output);
    assert.notEqual((await containerIds(PREFIX))["scheduled-check"], before);
    await eventually("its end, by the next container", 90, async () => told("GatewayFails", "resolved"));
  },
);

const backups = `/backups/nightly-${STACK}`;
for (const [what, script, said] of [
  ["damaged", `truncate -s -1 ${backups}/*Z.tar`, /^there is no good backup|is damaged/],
  [
    "late",
    // As if there had been none since: its time is in its name, beside which its size is known.
    `cd ${backups}; old=$(ls *Z.tar); late=${STACK}-2026-01-02T03-30-00Z.tar; mv $old $late; sed -i "s/$old/$late/" .sizes`,
    /^the newest good backup is of 2026-01-02 03:30 UTC, and there should be one each day/,
  ],
] as const)
  test(`a backup that is ${what} is told, and that it is right again`, longOnly, async () => {
    const inBackup = (program: string) => runInContainer(docker, `${PREFIX}backup`, ["bash", "-euc", program]);
    const [begun, ended] = [
      receiver.all("BackupFails", "firing").length,
      receiver.all("BackupFails", "resolved").length,
    ];
    const broken = await inBackup(script);
    assert.equal(broken.exitCode, 0, broken.stderr);
    const firing = await eventually("an alert", 240, async () => receiver.all("BackupFails", "firing")[begun]);
    assert.match(firing.annotations["description"]!, said);
    assert.equal(await health(), "healthy");
    await inBackup(`rm ${backups}/*Z.tar && bash /nightly.sh now`);
    await eventually("the end of the alert", 150, async () => receiver.all("BackupFails", "resolved")[ended]);
  });

test("a receiver that does not take alerts makes up fail, which says so", longOnly, async () => {
  const elsewhere = `${receiverUrl}/elsewhere`;
  receiver.isDeaf = true;
  await workspace.writeConfig({ ...config, "litellm-mcp:scheduledCheck": { minutes: 2, alert: { url: elsewhere } } });
  const { exitCode, output } = await up();
  receiver.isDeaf = false;
  assert.equal(exitCode, 1);
  assert.match(output, /elsewhere answers HTTP 503: not now/);
});

test("without it nothing of it is there", async () => {
  await workspace.writeConfig({ ...config, "litellm-mcp:scheduledCheck": { enabled: false } });
  const { exitCode, output } = await up();
  assert.equal(exitCode, 0, output);
  assert.equal((await containerIds(PREFIX))["scheduled-check"], undefined);
  const volumes = (await docker.listVolumes()).Volumes.map(({ Name }) => Name);
  assert.ok(!volumes.includes(`${PREFIX}scheduled-check-state`));
  assert.equal((await status()).scheduledCheck, null);
});

test("the receiver alone has its token, and no key is in a log or in plain text in the state", async () => {
  assert.deepEqual(new Set(receiver.tokens.slice(0, 2)), new Set([TOKEN]));
  const state = await workspace.exportState({ showSecrets: false });
  assert.ok(!state.includes(TOKEN));
  assert.ok(!workspace.printed.replaceAll(/config set --secret[^\n]*/g, "").includes(TOKEN));
  assert.ok(!(await logsOf(`${PREFIX}ingress`)).includes(TOKEN));
});
