import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test, type TestContext } from "node:test";
import { STACK_OUTPUTS } from "../components/resource-names.ts";
import { Pulumi } from "./deployed-stack.ts";

const VARIABLES = ["PATH", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE"] as const;

/** Puts a `pulumi` first on PATH that knows the stack lan and answers from these files of its folder, which is returned. */
async function replacePulumi(t: TestContext, { config = {}, resources = [] as unknown[] }): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "pulumi-"));
  const before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]));
  t.after(async () => {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    await rm(folder, { recursive: true });
  });
  const write = (file: string, data: unknown) => writeFile(path.join(folder, file), JSON.stringify(data));
  await write("ls", [{ name: "lan" }, { name: "e2e" }]);
  await write("config", config);
  await write("export", { version: 3, deployment: { resources } });
  const script =
    '#!/bin/sh\ncd "$(dirname "$0")"\ncase $1 in version) echo v3.245.0 ;; config) cat config ;; preview) echo "{}" ;; refresh) echo "$@" >> refreshes; echo "{}" ;; *) cat "$2" ;; esac\n';
  await writeFile(path.join(folder, "pulumi"), script);
  await chmod(path.join(folder, "pulumi"), 0o755);
  Object.assign(process.env, {
    PATH: `${folder}:${process.env.PATH}`,
    PULUMI_BACKEND_URL: `file://${folder}`,
    PULUMI_CONFIG_PASSPHRASE: "for tests",
  });
  return folder;
}

/** What the program has told, in the state. */
const told = (outputs: object) => ({
  urn: "urn:pulumi:lan::litellm-mcp::pulumi:pulumi:Stack::litellm-mcp-lan",
  type: "pulumi:pulumi:Stack",
  outputs,
});

test("a stack that is not there is refused with those that are", async (t) => {
  await replacePulumi(t, {});
  await assert.rejects(Pulumi.existing("phone"), { message: "unknown stack phone: there are lan, e2e" });
});

test("a name of the gateway that is another one is to be deployed, though no resource has it", async (t) => {
  const outputs = Object.fromEntries(STACK_OUTPUTS.map((name) => [name, "http://gateway.lan:4000/mcp/"]));
  const isOld = async (lan: object) => {
    const config = { "litellm-mcp:lan": { value: JSON.stringify(lan), secret: false } };
    await replacePulumi(t, { resources: [told(outputs)], config });
    return (await (await Pulumi.existing("lan")).preview()).isStateOld;
  };
  assert.equal(await isOld({ address: "192.168.1.10", hostname: "gateway.lan" }), false);
  assert.equal(await isOld({ address: "192.168.1.10", hostname: "other.lan" }), true);
  assert.equal(await isOld({ address: "192.168.1.10" }), true);
});

test("the keys that clients are told come in plain text", async (t) => {
  const clientKeys = { "4dabf18193072939515e22adb298388d": "…", plaintext: JSON.stringify({ phone: "sk-phone" }) };
  await replacePulumi(t, { resources: [told({ gateway: "http://127.0.0.1:4000/mcp/", clientKeys })] });
  const outputs = await (await Pulumi.existing("lan")).outputs();
  assert.deepEqual(outputs, { gateway: "http://127.0.0.1:4000/mcp/", clientKeys: { phone: "sk-phone" } });
});

test("outputs of an up that failed before its end are none", async (t) => {
  await replacePulumi(t, { resources: [told({ gateway: "http://127.0.0.1:4000/mcp/" })] });
  const pulumi = await Pulumi.existing("lan");
  await assert.rejects(pulumi.outputs(), { message: "stack lan is not deployed: npm run up -- --stack lan" });
});

for (const [title, runs, docker, postgres] of [
  ["over ssh, with the tunnel to the stack's own Postgres", true, "ssh://me@host", undefined],
  ["over ssh, without a tunnel to a Postgres on the LAN", false, "ssh://me@host", { kind: "existing" }],
  ["with the tunnel to a Postgres on a network of the host", true, "unix:///a", { kind: "existing", network: "db" }],
  ["by the socket, without a tunnel", false, "unix:///var/run/docker.sock", { kind: "dedicated" }],
] as const)
  test(`a look at the host is one ${title}`, async (t) => {
    const value = (section: object) => ({ value: JSON.stringify(section), secret: false });
    const config = {
      "litellm-mcp:docker": value({ host: docker }),
      ...(postgres && { "litellm-mcp:postgres": value(postgres) }),
    };
    const folder = await replacePulumi(t, { config });
    const pulumi = await Pulumi.existing("lan");
    await pulumi.refresh();
    await pulumi.drift();
    const refreshes = (await readFile(path.join(folder, "refreshes"), "utf8")).trim().split("\n");
    assert.deepEqual(
      refreshes.map((line) => line.includes("--run-program")),
      [runs, runs],
    );
  });

test("secrets of the state come in plain text, and what is about to be deleted does not count", async (t) => {
  const password = (name: string, value: string) => ({
    urn: `urn:pulumi:lan::litellm-mcp::random:index/randomPassword:RandomPassword::${name}`,
    type: "random:index/randomPassword:RandomPassword",
    outputs: { result: { "4dabf18193072939515e22adb298388d": "…", plaintext: JSON.stringify(value) } },
  });
  const resources = [password("salt", "new"), { ...password("salt", "old"), delete: true }];
  await replacePulumi(t, { resources });
  const passwords = await (await Pulumi.existing("lan")).passwords();
  assert.deepEqual(
    passwords.map(({ name, value }) => [name, value]),
    [["salt", "new"]],
  );
});

const resource = (type: string, name: string, inputs: Record<string, unknown>) => ({
  urn: `urn:pulumi:lan::litellm-mcp::${type}::${name}`,
  type,
  inputs,
});

test("what a stack has is told by its state, keys by their names; after an up that failed, what there is", async (t) => {
  const docker = { host: "unix:///var/run/docker.sock", sshOpts: [] };
  const half = [
    resource("docker:index/container:Container", "postgres-container", { name: "gw-postgres" }),
    resource("docker:index/network:Network", "postgres", { name: "gw-postgres-net" }),
    resource("docker:index/volume:Volume", "postgres-data", { name: "gw-postgres-data" }),
    resource("docker:index/remoteImage:RemoteImage", "postgres-image", { name: "postgres:17.6-trixie" }),
    resource("pulumi-nodejs:dynamic:Resource", "postgres-health", { docker }),
    resource("random:index/randomPassword:RandomPassword", "postgres-admin-password", {}),
  ];
  const secrets = { "litellm-mcp:secrets": { value: '{"openaiKey":"sk-plain"}', secret: true } };
  await replacePulumi(t, { resources: half, config: secrets });
  const begun = await (await Pulumi.existing("lan")).deployed();
  assert.deepEqual(begun, {
    stack: "lan",
    docker,
    gatewayUrl: undefined,
    toldUrl: undefined,
    isChecked: false,
    containers: ["gw-postgres"],
    networks: ["gw-postgres-net"],
    volumes: ["gw-postgres-data"],
    images: ["postgres:17.6-trixie"],
    servers: [],
    clients: [],
    audit: undefined,
    postgres: { where: "gw-postgres", container: "gw-postgres", databases: [] },
    parts: { "gw-postgres": "postgres" },
    backup: undefined,
    scheduledCheck: undefined,
    secrets: ["litellm-mcp:secrets.openaiKey", "postgres-admin-password"],
  });

  const check = {
    docker,
    servers: [{ name: "time", container: "mcp-time", adapter: "mcp-time", lock: { now: {}, then: {} }, call: null }],
    clients: {
      "4dabf18193072939515e22adb298388d": "…",
      plaintext: JSON.stringify([{ name: "phone", key: "sk-phone", rules: { time: { allow: null, deny: [] } } }]),
    },
  };
  await replacePulumi(t, {
    resources: [
      ...half.filter(({ urn }) => !urn.endsWith("postgres-container")),
      resource("docker:index/container:Container", "litellm-container", { name: "litellm" }),
      resource("docker:index/container:Container", "backup-container", { name: "gw-backup" }),
      resource("docker:index/container:Container", "ingress-container", {
        name: "gw-ingress",
        envs: {
          "4dabf18193072939515e22adb298388d": "…",
          plaintext: JSON.stringify(["LITELLM_LISTING_KEY=sk-listing", "GUARD_MASKED=email,token"]),
        },
        volumes: [
          { containerPath: "/var/lib/ingress", volumeName: "gw-ingress-state" },
          { containerPath: "/var/lib/ingress-audit", volumeName: "gw-ingress-audit" },
        ],
      }),
      resource("pulumi:providers:postgresql", "databases-provider", { host: "192.168.1.11", port: "5433" }),
      resource("pulumi-nodejs:dynamic:Resource", "ingress-rights", {
        gatewayUrl: "http://192.168.1.10:4000",
        rights: "{}",
      }),
      resource("pulumi-nodejs:dynamic:Resource", "gateway-check", check),
      resource("postgresql:index/database:Database", "databases-litellm", { name: "litellm_db" }),
      told({ gateway: "http://gateway.lan:4000/mcp/" }),
    ],
  });
  const whole = await (await Pulumi.existing("lan")).deployed();
  assert.deepEqual([whole.gatewayUrl, whole.isChecked], ["http://192.168.1.10:4000", true]);
  // Clients are told the name, which is what doctor looks up.
  assert.equal(whole.toldUrl, "http://gateway.lan:4000/mcp/");
  assert.deepEqual(whole.servers, [{ name: "time", adapter: "mcp-time", approved: 2 }]);
  assert.deepEqual(whole.clients, [{ name: "phone", rules: { time: { allow: null, deny: [] } } }]);
  assert.deepEqual(whole.postgres, { where: "192.168.1.11:5433", container: undefined, databases: ["litellm_db"] });
  assert.equal(whole.backup, "gw-backup");
  assert.deepEqual(whole.audit, {
    ...{ container: "gw-ingress", volume: "gw-ingress-audit", masked: ["email", "token"] },
  });
  assert.ok(!JSON.stringify([begun, whole]).includes("sk-"), "a key is there");
});

test("a stack of whose nothing is there has nothing to show", async (t) => {
  await replacePulumi(t, {});
  const pulumi = await Pulumi.existing("lan");
  await assert.rejects(pulumi.deployed(), { message: "stack lan is not deployed: npm run up -- --stack lan" });
});
