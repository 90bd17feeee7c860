import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { parse, stringify } from "yaml";
import { mockEngine, type Recorded, valueOf } from "../tests/mocks.ts";
import { testSettings } from "../tests/settings.ts";
import { deploy } from "./deployment.ts";
import { keyHash, type Rights } from "../ingress/rights.ts";
import { serverId } from "./gateway/litellm-config.ts";
import { loadSettings } from "../settings/load.ts";
import { userFor } from "./mcp/mcp-server.ts";
import { namesOnDaemon } from "../guards/ownership.ts";

const PASSWORD = "password-of-the-existing-server";
const clients = { "test-key": null, phone: { servers: ["time"], tools: { time: { deny: ["convert_time"] } } } };
const secret = (name: string) => pulumi.secret(name === "postgresAdminPassword" ? PASSWORD : `plaintext-of-${name}`);
/** How a secret looks among recorded inputs. */
const SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d";

const ownSettings = testSettings({
  clients,
  namePrefix: "lab-",
  servers: {
    ...{ time: { debugPort: 48001 }, postgres: { debugPort: 48002 } },
    fetch: { lanAddresses: ["192.168.1.20:8080"] },
  },
});
const featuredSettings = testSettings(
  {
    namePrefix: "lab-",
    clients: { "test-key": { tpm: 1000, budget: 5, budgetPeriod: "month" } },
    redis: { memory: 100 },
    backup: { at: "02:15", keep: 3 },
    monitoring: {
      port: 9091,
      days: 7,
      mib: 128,
      memory: 200,
      logs: { port: 3101, days: 14, memory: 400 },
      grafana: { port: 3001, memory: 600 },
      spend: true,
    },
    scheduledCheck: { alert: { url: "http://192.168.1.30:8080/alerts" } },
    guard: { refuse: ["token"], mask: ["email"] },
    telemetry: {
      openTelemetry: {
        endpoint: "http://192.168.1.30:4318",
        header: { name: "authorization", secret: "collectorLogin" },
      },
      langfuse: { url: "http://192.168.1.30:3000", publicKey: "langfusePublic", secretKey: "langfuseSecret" },
    },
  },
  ["collectorLogin", "langfusePublic", "langfuseSecret"],
);
/** With a server that runs elsewhere, and an image without an adapter, which the catalogue does not have. */
const MORE = {
  house: {
    description: "Lights and heating",
    source: { url: "http://192.168.1.20:8123/mcp" },
    transport: { kind: "http" },
    basicLogin: { user: "me", password: "housePassword" },
    headers: { "X-API-Key": "houseKey" },
    limits: { callSeconds: 60, toolSeconds: { scan: 900 } },
  },
  direct: {
    description: "Measurements",
    source: { image: "example/measure-mcp:2.0.0" },
    transport: { kind: "http", port: 9000, sdk: "python" },
    adapter: "none",
    bearerToken: "measureToken",
    healthcheck: "none",
  },
  guarded: {
    description: "Measurements that ask for a token",
    source: { image: "example/measure-mcp:2.0.0" },
    transport: { kind: "http", port: 9000 },
    bearerToken: "measureToken",
    healthcheck: "python",
  },
};
const moreSecrets = ["housePassword", "houseKey", "measureToken"];

let recorded: Recorded[];
/** Inputs of one stack, by the resource's name. */
let own: Map<string, Recorded>;
let existing: Map<string, Recorded>;
let joining: Map<string, Recorded>;
let newer: Map<string, Recorded>;
let more: Map<string, Recorded>;
let featured: Map<string, Recorded>;
let serverTokens: pulumi.Output<unknown>;
let spendPassword: pulumi.Output<string> | undefined;

before(async () => {
  recorded = await mockEngine();
  const run = async (settings: Parameters<typeof deploy>[0]) => {
    const from = recorded.length;
    const outputs = deploy(settings, secret);
    if (settings === ownSettings) {
      ({ serverTokens } = outputs);
      assert.ok(!("spendPassword" in outputs));
    }
    if (settings === featuredSettings) ({ spendPassword } = outputs);
    // Every resource hangs on one of these; without them, assertions would run before the last are registered.
    await Promise.all([valueOf(outputs.tools), valueOf(outputs.clientKeys), valueOf(outputs.masterKey)]);
    // No output hangs on this one, which comes after the gateway check.
    const last = settings.monitoring?.logs ? "log-collector-lines-arrive" : "scheduled-check-health";
    while (!recorded.slice(from).some(({ name }) => name === last))
      await new Promise((resolve) => setImmediate(resolve));
    return new Map(recorded.slice(from).map((resource) => [resource.name, resource]));
  };
  own = await run(ownSettings);
  existing = await run(
    testSettings(
      {
        postgres: { kind: "existing", host: "192.168.1.11", port: 5433, adminUser: "postgres", sslmode: "disable" },
        monitoring: { logs: { loki: { url: "http://192.168.1.30:3100" } }, grafana: {}, spend: true },
      },
      ["postgresAdminPassword"],
    ),
  );
  joining = await run(
    testSettings(
      {
        namePrefix: "lab-",
        existingNetworks: { mcp: "litellm-mcp-net" },
        postgres: {
          kind: "existing",
          network: "postgres-net",
          host: "pg",
          tunnelPort: 21001,
          readOnly: { database: "shop", create: false, schemas: ["sales"], owners: ["shop_owner", "postgres"] },
        },
        monitoring: {
          logs: {
            loki: {
              ...{ url: "http://loki:3100", network: "logs-net" },
              header: { name: "X-Scope-OrgID", secret: "lokiTenant" },
            },
          },
        },
      },
      ["postgresAdminPassword", "lokiTenant"],
    ),
  );
  newer = await run(
    testSettings({
      docker: { host: "ssh://me@192.168.1.10" },
      clients: { ...clients, reader: { servers: ["git"], tools: { git: { allow: ["git_log"] } } } },
      gateway: { image: "ghcr.io/berriai/litellm:v1.106.2" },
    }),
  );
  featured = await run(featuredSettings);
  const mcpDir = mkdtempSync(path.join(tmpdir(), "mcp-"));
  for (const [name, definition] of Object.entries(MORE)) {
    mkdirSync(path.join(mcpDir, name));
    writeFileSync(path.join(mcpDir, name, "server.yaml"), stringify(definition));
  }
  more = await run(
    loadSettings({
      stackFile: "Pulumi.test.yaml",
      config: {
        docker: { host: "unix:///var/run/docker.sock" },
        lan: { address: "192.168.1.10" },
        gateway: { debug: true },
        servers: { house: { debugPort: 48003 }, direct: { debugPort: 48004 } },
      },
      secretNames: moreSecrets,
      mcpDir,
    }),
  );
  rmSync(mcpDir, { recursive: true });
});

const plain = (input: unknown): unknown =>
  typeof input === "object" && input !== null && SECRET_SIGNATURE in input
    ? (input as { value?: unknown }).value
    : input;
const inputsOf = (resources: Map<string, Recorded>, name: string) => {
  const resource = resources.get(name);
  assert.ok(resource, `${name} is not among ${[...resources.keys()].join(", ")}`);
  return Object.fromEntries(Object.entries(resource.inputs).map(([key, value]) => [key, plain(value)])) as Record<
    string,
    any
  >;
};
const containers = (resources: Map<string, Recorded>) =>
  [...resources.values()]
    .filter(({ type }) => type === "docker:index/container:Container")
    .map(({ name }) => [name, inputsOf(resources, name)] as const);
const networkName = ({ name }: { name: string }) => name.replace(/^(?:networks-)?(.*)-id$/, "$1");
/** Variables of a container, with their values where these are secret. */
const envOf = (resources: Map<string, Recorded>, name: string): Record<string, string> =>
  Object.fromEntries((inputsOf(resources, name).envs as string[]).map((line) => line.split(/=(.*)/s).slice(0, 2)));
const configOf = (resources: Map<string, Recorded>): string =>
  (inputsOf(resources, "litellm-container").uploads as { file: string; content: string }[]).find(
    ({ file }) => file === "/app/config.yaml",
  )!.content;
/** Of each image that is built: whether the provider is kept from the builder that knows this machine's daemon alone. */
const buildsOnHost = (resources: Map<string, Recorded>) =>
  [...resources.values()].flatMap(({ inputs }) => (inputs.build ? [(inputs.build as any).useLegacyBuilder] : []));
const networksOf = (inputs: Record<string, any>) => inputs.networksAdvanced.map(networkName).sort();

test("over ssh images are built on the host's daemon", () => {
  assert.deepEqual(new Set(buildsOnHost(newer)), new Set([true]));
  assert.deepEqual(new Set(buildsOnHost(own)), new Set([undefined]));
});

test("with debug LiteLLM's log goes through the program that masks each of its secrets; without, there is no such program", () => {
  const { command, uploads, envs } = inputsOf(more, "litellm-container") as {
    command: string[];
    uploads: { file: string }[];
    envs: string[];
  };
  const [python, program, variables, separator, ...litellm] = command;
  assert.deepEqual([python, program, separator], ["python3", "/app/litellm_masked_log.py", "--"]);
  assert.deepEqual([litellm[0], litellm.at(-1)], ["docker/prod_entrypoint.sh", "--detailed_debug"]);
  assert.ok(uploads.some(({ file }) => file === program));
  const plainVariables = ["LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_MODE"];
  const given = envs.map((line) => line.split("=")[0]!).filter((name) => !plainVariables.includes(name));
  assert.deepEqual(variables?.split(","), given.sort());
  assert.ok(given.includes("SECRET_measureToken") && given.includes("DATABASE_URL"), given.join());

  const usual = inputsOf(own, "litellm-container") as { command: string[]; uploads: { file: string }[] };
  assert.equal(usual.command[0], "docker/prod_entrypoint.sh");
  assert.ok(!usual.command.includes("--detailed_debug"));
  assert.ok(!usual.uploads.some(({ file }) => file === program));
});

test("the resources of a stack", () => {
  const names = [...own.values()]
    .filter(({ type }) => !type.startsWith("litellm:"))
    .map(({ type, name }) => `${type.split(":").at(-1)} ${name}`);
  assert.deepEqual(names.sort(), [
    "Container ingress-container",
    "Container litellm-container",
    "Container mcp-fetch-container",
    "Container mcp-git-container",
    "Container mcp-memory-container",
    "Container mcp-postgres-adapter-container",
    "Container mcp-postgres-container",
    "Container mcp-time-container",
    "Container postgres-container",
    "Container scheduled-check-container",
    "Database databases-litellm_db",
    "Database databases-mcp_db",
    "DefaultPrivileges databases-select-future-public",
    "DefaultPrivileges databases-select-future-sequences-public",
    "Grant databases-connect",
    "Grant databases-select-public",
    "Grant databases-select-sequences-public",
    "Grant databases-usage-public",
    "Network mcp-postgres-net",
    "Network networks-litellm-ingress-net",
    "Network networks-litellm-lan-net",
    "Network networks-litellm-mcp-net",
    "Network networks-mcp-egress-net",
    "Network networks-postgres-net",
    "RandomPassword client-phone-value",
    "RandomPassword client-test-key-value",
    "RandomPassword databases-litellm_user-password",
    "RandomPassword databases-mcp_readonly-password",
    "RandomPassword ingress-listing-value",
    "RandomPassword litellm-master-key",
    "RandomPassword litellm-salt-key",
    "RandomPassword mcp-fetch-token",
    "RandomPassword mcp-git-token",
    "RandomPassword mcp-memory-token",
    "RandomPassword mcp-postgres-token",
    "RandomPassword mcp-time-token",
    "RandomPassword postgres-admin-password",
    "RandomPassword scheduled-check-value",
    "RemoteImage ingress-image",
    "RemoteImage litellm-image",
    "RemoteImage mcp-fetch-image",
    "RemoteImage mcp-git-image",
    "RemoteImage mcp-memory-image",
    "RemoteImage mcp-postgres-adapter-image",
    "RemoteImage mcp-postgres-image",
    "RemoteImage mcp-time-image",
    "RemoteImage postgres-image",
    "RemoteImage scheduled-check-image",
    "Resource client-phone-key",
    "Resource client-test-key-key",
    "Resource databases-extensions",
    "Resource gateway-check",
    "Resource ingress-health",
    "Resource ingress-listing-key",
    "Resource ingress-rights",
    "Resource litellm-health",
    "Resource mcp-fetch-health",
    "Resource mcp-git-health",
    "Resource mcp-memory-data-owner",
    "Resource mcp-memory-health",
    "Resource mcp-postgres-adapter-health",
    "Resource mcp-postgres-health",
    "Resource mcp-time-health",
    "Resource postgres-health",
    "Resource scheduled-check-health",
    "Resource scheduled-check-key",
    "Role databases-litellm_user",
    "Role databases-mcp_readonly",
    "Volume ingress-audit",
    "Volume ingress-state",
    "Volume mcp-memory-data",
    "Volume postgres-data",
    "Volume scheduled-check-state",
    "docker docker",
    "postgresql databases-provider",
  ]);
});

test("each resource has its own stack's provider", () => {
  for (const { type, name, provider } of recorded) {
    if (type.startsWith("docker:")) assert.match(provider, /::docker::docker-id$/, name);
    if (type.startsWith("postgresql:")) assert.match(provider, /::databases-provider::databases-provider-id$/, name);
  }
});

test("no Output was put into a text", () => {
  for (const { name, inputs } of recorded) assert.ok(!JSON.stringify(inputs).includes("Calling [toString]"), name);
});

test("no secret is outside an encrypted value", () => {
  const open = (input: unknown): string =>
    typeof input !== "object" || input === null
      ? JSON.stringify(input ?? null)
      : SECRET_SIGNATURE in input
        ? ""
        : Object.values(input).map(open).join(" ");
  let secrets = 0;
  for (const { name, inputs } of recorded) {
    assert.doesNotMatch(open(inputs), /plaintext-of-|password-of-the-existing-server/, name);
    if (/plaintext-of-/.test(JSON.stringify(inputs))) secrets += 1;
  }
  assert.ok(secrets > 10, `the search found ${secrets} resources with secrets at all`);
});

test("Docker gives LiteLLM's launcher the time for a hold, what is to be written, and the end", () => {
  const { entrypoints, destroyGraceSeconds, stopTimeout } = inputsOf(own, "litellm-container") as {
    entrypoints: string[];
    destroyGraceSeconds: number;
    stopTimeout: number;
  };
  const seconds = (option: string) => Number(entrypoints[entrypoints.indexOf(option) + 1]);
  const needed = seconds("--hold-seconds") + seconds("--settle-seconds") + seconds("--stop-seconds");
  assert.equal(needed, 32 + 8 + 20);
  assert.ok(destroyGraceSeconds > needed);
  assert.equal(stopTimeout, destroyGraceSeconds);
});

test("on the LAN address are the gateway and debug ports, on the host's loopback the gateway, LiteLLM itself and Postgres", () => {
  const ports = containers(own).flatMap(
    ([, { ports = [] }]) => ports as { ip: string; external: number; internal: number }[],
  );
  assert.deepEqual(
    ports.sort((a, b) => a.external - b.external),
    [
      { ip: "192.168.1.10", external: 4000, internal: 4000 },
      // Of one port of the container Docker would give the two back in another order.
      { ip: "127.0.0.1", external: 4000, internal: 4002 },
      { ip: "127.0.0.1", external: 4001, internal: 4000 },
      { ip: "127.0.0.1", external: 5432, internal: 5432 },
      { ip: "192.168.1.10", external: 48001, internal: 8000 },
      { ip: "192.168.1.10", external: 48002, internal: 8000 },
    ],
  );
});

test("containers publish every port of the settings, and no other", () => {
  const published = containers(own).flatMap(([, { name, ports = [] }]) =>
    (ports as { ip: string; external: number }[]).map(({ ip, external }) => `${ip}:${external} ${name}`),
  );
  assert.deepEqual(
    published.sort(),
    ownSettings.publishedPorts.map(({ address, port, container }) => `${address}:${port} ${container}`).sort(),
  );
  assert.equal(published.length, 6);
});

test("a name on a network leads to one container", () => {
  const aliases = containers(own).flatMap(([name, { networksAdvanced }]) =>
    (networksAdvanced as { name: string; aliases: string[] }[]).flatMap((network) =>
      network.aliases.map((alias) => `${networkName(network)}: ${alias} → ${name}`),
    ),
  );
  // Two containers of one alias would answer in turn; LiteLLM's configuration and the database URLs hold these names.
  assert.deepEqual(aliases.sort(), [
    "litellm-ingress-net: ingress → ingress-container",
    "litellm-ingress-net: litellm → litellm-container",
    "litellm-mcp-net: mcp-fetch → mcp-fetch-container",
    "litellm-mcp-net: mcp-git → mcp-git-container",
    "litellm-mcp-net: mcp-memory → mcp-memory-container",
    "litellm-mcp-net: mcp-postgres → mcp-postgres-adapter-container",
    "litellm-mcp-net: mcp-time → mcp-time-container",
    "mcp-postgres-net: mcp-postgres-server → mcp-postgres-container",
    "postgres-net: postgres → postgres-container",
  ]);
});

test("the prefix is before every name on the daemon", () => {
  const named = [...own.values()]
    .filter(({ type }) => /docker:index\/(container|network|volume):/.test(type))
    .map(({ inputs }) => String(inputs.name));
  assert.equal(named.length, 21);
  assert.equal(new Set(named).size, named.length);
  for (const name of named) assert.match(name, /^lab-/);
});

test("what preflight takes for the stack's is what the stack makes", () => {
  for (const [stack, settings] of [
    [own, ownSettings],
    [featured, featuredSettings],
  ] as const)
    for (const kind of ["container", "network", "volume"] as const) {
      const made = [...stack.values()]
        .filter(({ type }) => type.startsWith(`docker:index/${kind}:`))
        .map(({ inputs }) => inputs.name);
      assert.deepEqual(made.sort(), [...namesOnDaemon(settings)[kind]].sort());
    }
});

test("Redis is for LiteLLM alone: a network of the two, no port, no volume, a password", () => {
  const redis = inputsOf(featured, "redis-container");
  assert.deepEqual(networksOf(redis), ["redis-net"]);
  assert.ok(networksOf(inputsOf(featured, "litellm-container")).includes("redis-net"));
  assert.equal(inputsOf(featured, "redis-net").internal, true);
  for (const none of ["ports", "volumes", "mounts"]) assert.equal(redis[none], undefined, none);
  assert.deepEqual([redis.user, redis.readOnly, redis.memory], ["999:999", true, 100]);
  assert.match(redis.command[0], /^requirepass \$REDISCLI_AUTH$[^]*^maxmemory 70mb$/m);
});

test("Prometheus asks the ingress and the adapters on their networks, answers on the loopback alone, and shows no token", () => {
  const prometheus = inputsOf(featured, "prometheus-container");
  assert.deepEqual(networksOf(prometheus), [
    ...["litellm-ingress-net", "litellm-mcp-net", "loki-lines-net", "prometheus-alerts-net", "prometheus-net"],
  ]);
  assert.deepEqual(prometheus.ports, [{ ip: "127.0.0.1", external: 9091, internal: 9090 }]);
  assert.deepEqual(prometheus.volumes, [{ volumeName: "lab-prometheus-data", containerPath: "/prometheus" }]);
  assert.deepEqual([prometheus.user, prometheus.readOnly, prometheus.memory], ["65534:65534", true, 200]);
  const [script] = prometheus.command as [string];
  assert.match(
    script,
    /--storage\.tsdb\.retention\.time=7d --storage\.tsdb\.retention\.size=128MB --web\.listen-address=prometheus:9090$/,
  );
  const servers = ["fetch", "git", "memory", "postgres", "time"];
  const given = envOf(featured, "prometheus-container");
  assert.deepEqual(
    Object.keys(given).sort(),
    servers.map((server) => `MCP_TOKEN_${server}`),
  );
  const toLiteLlm = envOf(featured, "litellm-container");
  for (const [variable, token] of Object.entries(given)) {
    assert.equal(token, toLiteLlm[variable]);
    assert.ok(token.length > 10 && !script.includes(token), variable);
    assert.ok(script.includes(`printf %s "$${variable}" > /tmp/tokens/${variable}\n`), variable);
  }
  assert.ok(
    SECRET_SIGNATURE in (featured.get("prometheus-container")!.inputs.envs as object),
    "the variables are encrypted",
  );
  assert.ok(!own.has("prometheus-container"));
});

test("Prometheus tells the scheduled check of alerts, on a network of the two without a way out", () => {
  const [script] = inputsOf(featured, "prometheus-container").command as [string];
  assert.match(script, /targets:\n +- alerts:9093\n/);
  assert.equal(envOf(featured, "scheduled-check-container").ALERTS_AT, "alerts:9093");
  assert.equal(inputsOf(featured, "prometheus-alerts-net").internal, true);
  const onIt = [...featured.keys()].filter((name) => {
    const joined = (inputsOf(featured, name).networksAdvanced ?? []) as { name: string }[];
    return joined.some((one) => one.name.startsWith("prometheus-alerts-net"));
  });
  assert.deepEqual(onIt.sort(), ["prometheus-container", "scheduled-check-container"]);
  assert.equal(inputsOf(featured, "scheduled-check-container").ports, undefined);
});

test("Loki answers on the loopback alone, and shares a network with the collector, which is on no other, and with Prometheus", () => {
  const loki = inputsOf(featured, "loki-container");
  assert.deepEqual(networksOf(loki), ["loki-lines-net", "loki-net"]);
  assert.equal(inputsOf(featured, "loki-lines-net").internal, true);
  assert.deepEqual(loki.ports, [{ ip: "127.0.0.1", external: 3101, internal: 3100 }]);
  assert.deepEqual(loki.volumes, [{ volumeName: "lab-loki-data", containerPath: "/loki" }]);
  assert.deepEqual([loki.user, loki.readOnly, loki.memory, loki.envs], ["10001:10001", true, 400, []]);
  const onNetwork = containers(featured).filter(([, inputs]) => networksOf(inputs).includes("loki-lines-net"));
  assert.deepEqual(onNetwork.map(([name]) => name).sort(), [
    ...["log-collector-container", "loki-container", "prometheus-container"],
  ]);
});

test("Grafana is on the networks of what it asks, answers on the loopback alone, and is told no password of its own", () => {
  const grafana = inputsOf(featured, "grafana-container");
  assert.deepEqual(networksOf(grafana), ["loki-net", "postgres-spend-net", "prometheus-net"]);
  assert.deepEqual(grafana.ports, [{ ip: "127.0.0.1", external: 3001, internal: 3000 }]);
  assert.deepEqual(grafana.volumes, [{ volumeName: "lab-grafana-data", containerPath: "/var/lib/grafana" }]);
  assert.deepEqual([grafana.user, grafana.readOnly, grafana.memory], ["472:0", true, 600]);
  assert.deepEqual(grafana.capabilities, { drops: ["ALL"] });
  const { inputs } = featured.get("grafana-check")!;
  assert.ok(SECRET_SIGNATURE in (inputs.password as object), "the password is encrypted");
  const password = plain(inputs.password) as string;
  assert.ok(password.length > 10);
  for (const [name, its] of containers(featured)) assert.ok(!JSON.stringify(its).includes(password), name);
  assert.deepEqual(
    (inputs.sources as { uid: string }[]).map(({ uid }) => uid),
    ["litellm-mcp-prometheus", "litellm-mcp-loki", "litellm-mcp-spend"],
  );
  const { SPEND_PASSWORD } = envOf(featured, "grafana-container");
  assert.equal(SPEND_PASSWORD, plain(featured.get("databases-spend_reader")!.inputs.password));
  assert.ok(SECRET_SIGNATURE in (featured.get("grafana-container")!.inputs.envs as object));
  assert.deepEqual(
    inputs.triggers,
    ["grafana", "prometheus", "loki"].map((name) => `${name}-container-id`),
  );
  assert.ok(!own.has("grafana-container"));
});

test("on a network that others are on as well, Grafana and the collector have no name that another may have", () => {
  const aliasesOf = (stack: Map<string, Recorded>, container: string) =>
    Object.fromEntries(
      (inputsOf(stack, container).networksAdvanced as { name: string; aliases: string[] }[]).map((one) => [
        networkName(one),
        one.aliases,
      ]),
    );
  const [asked, loki] = [{ "prometheus-net": ["grafana"] }, { "loki-net": ["grafana"] }];
  assert.deepEqual(aliasesOf(featured, "grafana-container"), { ...asked, ...loki, "postgres-spend-net": [] });
  assert.deepEqual(aliasesOf(featured, "log-collector-container"), { "loki-lines-net": ["log-collector"] });
  assert.deepEqual(aliasesOf(existing, "grafana-container"), { ...asked, "mcp-egress-net": [] });
  assert.deepEqual(Object.values(aliasesOf(existing, "log-collector-container")), [[]]);
});

test("who reads figures of spend has a login and a network of Postgres for it alone, and views that LiteLLM's tables are there for", async () => {
  const { inputs } = featured.get("databases-spend_reader")!;
  assert.deepEqual(
    [inputs.name, inputs.login, inputs.connectionLimit, inputs.statementTimeout],
    ["spend_reader", true, 5, 30_000],
  );
  assert.equal(await pulumi.isSecret(spendPassword!), true);
  assert.ok(featured.has("databases-spend_reader-password"));
  assert.equal(inputsOf(featured, "postgres-spend-net").internal, true);
  const onIt = containers(featured).filter(([, joined]) => networksOf(joined).includes("postgres-spend-net"));
  assert.deepEqual(onIt.map(([name]) => name).sort(), ["grafana-container", "postgres-container"]);
  const views = inputsOf(featured, "spend-views");
  assert.deepEqual(
    [views.database, views.role, views.owner, views.closed],
    ["litellm_db", "spend_reader", "litellm_user", ["postgres", "template1", "mcp_db"]],
  );
  for (const none of ["databases-spend_reader", "postgres-spend-net", "spend-views"]) assert.ok(!own.has(none), none);
});

test("the collector sees the folders of the stack's other containers, and the record of calls, to be read only", () => {
  const collector = inputsOf(featured, "log-collector-container");
  assert.deepEqual(networksOf(collector), ["loki-lines-net"]);
  assert.deepEqual([collector.user, collector.readOnly, collector.groupAdds], ["0:0", true, ["10002"]]);
  assert.deepEqual(collector.capabilities, { drops: ["ALL"] });
  assert.equal(collector.ports, undefined);
  const volumes = collector.volumes as {
    hostPath?: string;
    volumeName?: string;
    containerPath: string;
    readOnly?: boolean;
  }[];
  const shown = volumes.map(
    ({ hostPath, volumeName, containerPath, readOnly }) =>
      `${hostPath ?? volumeName} ${containerPath} ${readOnly ? "ro" : "rw"}`,
  );
  const others = containers(featured).filter(([name]) => !/^(loki|log-collector)-container$/.test(name));
  assert.deepEqual(
    shown.sort(),
    [
      ...others.map(([name, inputs]) => `/var/lib/docker/containers/${name}-id /logs/${inputs.name} ro`),
      ...["lab-ingress-audit /calls ro", "lab-log-offsets /offsets rw"],
    ].sort(),
  );
  const { COLLECTOR_CONFIG: config } = envOf(featured, "log-collector-container");
  const { receivers } = parse(config!) as { receivers: Record<string, { include: string[] }> };
  assert.deepEqual(
    [...receivers["file_log/logs"]!.include].sort(),
    others.map(([name, inputs]) => `/logs/${inputs.name}/${name}-id-json.log*`).sort(),
  );
  assert.ok(!own.has("loki-container") && !own.has("log-collector-container"));
});

test("to a Loki of somebody else's the collector has the network that is named, or one of its own, and no other", () => {
  const collectorOf = (stack: Map<string, Recorded>) => inputsOf(stack, "log-collector-container");
  const endpointOf = (stack: Map<string, Recorded>) =>
    (
      parse(envOf(stack, "log-collector-container").COLLECTOR_CONFIG!) as {
        exporters: { otlp_http: { endpoint: string } };
      }
    ).exporters.otlp_http.endpoint;
  assert.deepEqual(networksOf(collectorOf(existing)), ["log-collector-net"]);
  const { name, internal, options } = inputsOf(existing, "log-collector-net");
  assert.deepEqual(
    [name, internal, options],
    ["log-collector-net", false, { "com.docker.network.bridge.enable_icc": "false" }],
  );
  assert.deepEqual(networksOf(collectorOf(joining)), ["logs-net"]);
  assert.ok(!joining.has("log-collector-net"));
  assert.deepEqual(
    [endpointOf(existing), endpointOf(joining)],
    ["http://192.168.1.30:3100/otlp", "http://loki:3100/otlp"],
  );
  for (const stack of [existing, joining]) {
    assert.ok(!stack.has("loki-container") && !stack.has("loki-data"));
    const asked = ["existing-loki-takes-lines", "log-collector-lines-arrive"].map((one) => inputsOf(stack, one));
    assert.deepEqual(
      asked.map(({ question }) => question),
      ["takes", "has"],
    );
    for (const { network } of asked)
      assert.equal(network, (collectorOf(stack).networksAdvanced as { name: string }[])[0]!.name);
  }
  assert.equal(inputsOf(featured, "log-collector-lines-arrive").stack, null);
  assert.ok(!featured.has("existing-loki-takes-lines"));
  assert.ok(
    SECRET_SIGNATURE in (joining.get("existing-loki-takes-lines")!.inputs.header as object),
    "the header is encrypted",
  );
  assert.ok(SECRET_SIGNATURE in (joining.get("log-collector-container")!.inputs.envs as object));
});

test("the backup of each day reads every volume that outlives the stack, writes its own, and reaches Postgres alone", () => {
  const nightly = inputsOf(featured, "backup-container");
  assert.deepEqual(networksOf(nightly), ["postgres-net"]);
  assert.deepEqual(
    (nightly.volumes as { volumeName: string; containerPath: string; readOnly?: boolean }[])
      .map(({ volumeName, containerPath, readOnly }) => `${volumeName} ${containerPath} ${readOnly ? "ro" : "rw"}`)
      .sort(),
    [
      "lab-backup-told /told rw",
      "lab-backups /backups rw",
      "lab-ingress-audit /volumes/ingress-audit ro",
      "lab-mcp-memory-data /volumes/mcp-memory-data ro",
    ],
  );
  assert.deepEqual([nightly.readOnly, nightly.capabilities.adds], [true, ["CAP_DAC_OVERRIDE"]]);
  for (const expected of ["AT=02:15", "KEEP=3", "DATABASES=litellm_db mcp_db", "PGHOST=postgres"])
    assert.ok((nightly.envs as string[]).includes(expected), expected);
  assert.ok(!own.has("backup-container"));
});

test("the scheduled check reads what the backup of each day says, where there is one, and no backup", () => {
  const mounted = (stack: typeof featured) =>
    (inputsOf(stack, "scheduled-check-container").volumes as { volumeName: string; readOnly?: boolean }[]).map(
      ({ volumeName, readOnly }) => `${volumeName} ${readOnly ? "ro" : "rw"}`,
    );
  assert.deepEqual(mounted(featured), ["lab-scheduled-check-state rw", "lab-backup-told ro"]);
  assert.deepEqual(mounted(own), ["lab-scheduled-check-state rw"]);
  assert.equal(envOf(featured, "scheduled-check-container").BACKUP_FOLDER, "/backup");
  assert.equal(envOf(own, "scheduled-check-container").BACKUP_FOLDER, undefined);
});

test("what calls may not have is known to the ingress, and what is masked to LiteLLM as well", () => {
  const { envs } = inputsOf(featured, "ingress-container");
  for (const expected of ["GUARD_REFUSED=token", "GUARD_MASKED=email,token"])
    assert.ok((envs as string[]).includes(expected), expected);
  const uploads = (stack: typeof featured) =>
    (inputsOf(stack, "litellm-container").uploads as { file: string; content: string }[])
      .filter(({ file }) => file.includes("mask"))
      .map(({ file, content }) => [
        file,
        file.endsWith(".json") ? Object.keys(JSON.parse(content) as object) : undefined,
      ]);
  assert.deepEqual(uploads(featured), [
    ["/app/mask_tool_calls.py", undefined],
    ["/app/mask_tool_calls.json", ["email", "token"]],
  ]);
  assert.deepEqual(uploads(own), []);
});

test("what LiteLLM tells others with is in its variables", () => {
  const envs = plain(inputsOf(featured, "litellm-container").envs) as string[];
  for (const expected of [
    "OTEL_EXPORTER=otlp_http",
    "OTEL_ENDPOINT=http://192.168.1.30:4318/v1/traces",
    "OTEL_HEADERS=authorization=plaintext-of-collectorLogin",
    "LANGFUSE_HOST=http://192.168.1.30:3000",
    "LANGFUSE_PUBLIC_KEY=plaintext-of-langfusePublic",
    "LANGFUSE_SECRET_KEY=plaintext-of-langfuseSecret",
  ])
    assert.ok(envs.includes(expected), expected);
});

test("networks decide what a server reaches", () => {
  const of = (name: string) => networksOf(inputsOf(own, `${name}-container`));
  assert.deepEqual(of("mcp-git"), ["litellm-mcp-net"]);
  assert.deepEqual(of("mcp-fetch"), ["litellm-mcp-net", "mcp-egress-net"]);
  // Its debug port takes it out of the internal network; the other stack has none.
  assert.deepEqual(of("mcp-time"), ["litellm-mcp-net", "mcp-egress-net"]);
  assert.deepEqual(networksOf(inputsOf(existing, "mcp-time-container")), ["litellm-mcp-net"]);
  // An image is on no network with LiteLLM or another server: they would get round its adapter.
  assert.deepEqual(of("mcp-postgres"), ["mcp-postgres-net", "postgres-net"]);
  // Its debug port is the adapter's, which takes that out of the internal networks, and not the server.
  assert.deepEqual(of("mcp-postgres-adapter"), ["litellm-mcp-net", "mcp-egress-net", "mcp-postgres-net"]);
  assert.deepEqual(networksOf(inputsOf(existing, "mcp-postgres-adapter-container")), [
    "litellm-mcp-net",
    "mcp-postgres-net",
  ]);
  assert.deepEqual(of("litellm"), ["litellm-ingress-net", "litellm-lan-net", "litellm-mcp-net", "postgres-net"]);
  // It reaches no MCP server and no database, and of the other containers only LiteLLM reaches its inner side.
  assert.deepEqual(of("ingress"), ["litellm-ingress-net", "litellm-lan-net"]);
  assert.deepEqual(of("postgres"), ["litellm-lan-net", "postgres-net"]);
  const nets = ["litellm-mcp-net", "postgres-net", "litellm-ingress-net", "litellm-lan-net", "mcp-egress-net"];
  // Of an internal network nothing is published, and nothing gets out, not even to the host itself.
  assert.deepEqual(
    nets.map((net) => inputsOf(own, `networks-${net}`).internal),
    [true, true, true, false, false],
  );
  const { internal, options } = inputsOf(own, "mcp-postgres-net");
  assert.equal(internal, true);
  const inhibited = { "com.docker.network.bridge.inhibit_ipv4": "true" };
  assert.deepEqual(
    nets.map((net) => inputsOf(own, `networks-${net}`).options),
    // On the way out nobody meets another.
    [inhibited, inhibited, inhibited, undefined, { "com.docker.network.bridge.enable_icc": "false" }],
  );
  assert.deepEqual(options, inhibited);
});

test("networks that somebody else made are joined by their ids, and nothing of them is registered", () => {
  const networks = [...joining.values()].filter(({ type }) => type === "docker:index/network:Network");
  assert.deepEqual(networks.map(({ inputs }) => inputs.name).sort(), [
    "lab-alerts-net",
    "lab-litellm-ingress-net",
    "lab-litellm-lan-net",
    "lab-mcp-egress-net",
    "lab-mcp-postgres-net",
    "lab-monitoring-net",
  ]);
  const of = (name: string) => networksOf(inputsOf(joining, `${name}-container`));
  assert.deepEqual(of("litellm"), ["litellm-ingress-net", "litellm-lan-net", "litellm-mcp-net", "postgres-net"]);
  assert.deepEqual(of("mcp-git"), ["litellm-mcp-net"]);
  // Postgres is on the network that it joins: it needs no way to the LAN.
  assert.deepEqual(of("mcp-postgres"), ["mcp-postgres-net", "postgres-net"]);
});

test("a Postgres on a network: containers reach it by its name there, Pulumi by the tunnel", () => {
  const { host, port } = inputsOf(joining, "databases-provider");
  assert.deepEqual([host, Number(port)], ["127.0.0.1", 21001]);
  assert.match(envOf(joining, "litellm-container").DATABASE_URL!, /@pg:5432\/litellm_db$/);
  assert.match(envOf(joining, "mcp-postgres-container").DATABASE_URI!, /@pg:5432\/shop\?/);
});

test("in a database that was there before, tables of its owners are read as well, now and later", () => {
  const made = [...joining.values()].filter(({ type }) => /postgresql:index\/(grant|default|database)/.test(type));
  assert.deepEqual(made.map(({ name, inputs }) => [name, inputs.database ?? null, inputs.owner ?? null]).sort(), [
    ["databases-connect", "shop", null],
    ["databases-litellm_db", null, "litellm_user"],
    ["databases-select-future-sales", "shop", "postgres"],
    ["databases-select-future-sales-shop_owner", "shop", "shop_owner"],
    ["databases-select-future-sequences-sales", "shop", "postgres"],
    ["databases-select-future-sequences-sales-shop_owner", "shop", "shop_owner"],
    ["databases-select-sales", "shop", null],
    ["databases-select-sequences-sales", "shop", null],
    ["databases-usage-sales", "shop", null],
  ]);
});

test("each adapter has a token of its own, and LiteLLM has all of them in variables that config.yaml names", () => {
  const litellm = envOf(own, "litellm-container");
  const config = parse(configOf(own)) as {
    mcp_servers: Record<string, { auth_type: string; authentication_token: string }>;
  };
  for (const [name, container] of [
    ...["fetch", "git", "memory", "time"].map((name) => [name, `mcp-${name}-container`] as const),
    ["postgres", "mcp-postgres-adapter-container"] as const,
  ]) {
    const token = `plaintext-of-mcp-${name}-token`;
    const { ADAPTER_TOKEN, ADAPTER_SERVER } = envOf(own, container);
    assert.deepEqual([ADAPTER_SERVER, ADAPTER_TOKEN, litellm[`MCP_TOKEN_${name}`]], [name, token, token]);
    const { auth_type, authentication_token } = config.mcp_servers[name]!;
    assert.deepEqual([auth_type, authentication_token], ["bearer_token", `os.environ/MCP_TOKEN_${name}`]);
  }
  assert.doesNotMatch(configOf(own), /plaintext-of-/);
  // The server behind the adapter is asked by nobody else, and has no use for the token.
  assert.equal(envOf(own, "mcp-postgres-container").ADAPTER_TOKEN, undefined);
});

test("`pulumi stack output serverTokens` has the tokens of the servers with a debug port, as a secret", async () => {
  assert.equal(await pulumi.isSecret(serverTokens), true);
  assert.deepEqual(await valueOf(serverTokens), {
    postgres: "plaintext-of-mcp-postgres-token",
    time: "plaintext-of-mcp-time-token",
  });
});

test("a package is started by its adapter with its own variables, and the adapter has its limits", () => {
  const { command } = inputsOf(own, "mcp-git-container");
  assert.equal(command[0], "serve");
  assert.deepEqual(command.slice(1), ownSettings.servers.find(({ name }) => name === "git")!.command);
  const { ADAPTER_CALL_SECONDS, ADAPTER_TOOL_SECONDS, ADAPTER_URL } = envOf(own, "mcp-git-container");
  assert.deepEqual([ADAPTER_CALL_SECONDS, ADAPTER_TOOL_SECONDS, ADAPTER_URL], ["120", "{}", undefined]);
});

test("an adapter through which its server asks for pages is told which addresses of the LAN these may be at", () => {
  assert.equal(envOf(own, "mcp-fetch-container").ADAPTER_LAN_ADDRESSES, '["192.168.1.20:8080"]');
  assert.equal(envOf(own, "mcp-git-container").ADAPTER_LAN_ADDRESSES, undefined);
});

test("of a server that runs elsewhere there is its adapter alone, which may leave the host", () => {
  const made = [...more.values()].filter(({ name, type }) => /^mcp-house/.test(name) && /docker/.test(type));
  assert.deepEqual(made.map(({ name }) => name).sort(), ["mcp-house-adapter-container", "mcp-house-adapter-image"]);
  const inputs = inputsOf(more, "mcp-house-adapter-container");
  assert.deepEqual(networksOf(inputs), ["litellm-mcp-net", "mcp-egress-net"]);
  assert.equal(inputs.name, "mcp-house");
  assert.deepEqual(inputs.command, ["connect"]);
  assert.deepEqual(
    inputs.ports.map(({ external }: { external: number }) => external),
    [48003],
  );
  const env = envOf(more, "mcp-house-adapter-container");
  assert.equal(env.ADAPTER_URL, "http://192.168.1.20:8123/mcp");
  assert.equal(env.ADAPTER_URL_TRANSPORT, "http");
  assert.equal(env.ADAPTER_URL_PUBLIC, "false");
  assert.deepEqual([env.ADAPTER_CALL_SECONDS, env.ADAPTER_TOOL_SECONDS], ["60", '{"scan":900}']);
  assert.deepEqual(JSON.parse(env.ADAPTER_URL_HEADERS!), {
    Authorization: `Basic ${Buffer.from("me:plaintext-of-housePassword").toString("base64")}`,
    "X-API-Key": "plaintext-of-houseKey",
  });
});

test("an image gets its secrets from its adapter, which LiteLLM does not have", () => {
  const env = envOf(more, "mcp-guarded-adapter-container");
  assert.equal(env.ADAPTER_URL, "http://mcp-guarded-server:9000/mcp");
  assert.deepEqual(JSON.parse(env.ADAPTER_URL_HEADERS!), { Authorization: "Bearer plaintext-of-measureToken" });
  const { user, readOnly, memory } = inputsOf(more, "mcp-guarded-adapter-container");
  assert.match(user, /^9\d{5}:9\d{5}$/);
  assert.deepEqual([readOnly, memory], [true, 256]);
  assert.equal(envOf(more, "litellm-container").SECRET_houseKey, undefined);
});

test("without an adapter an image is where LiteLLM and everybody on its network reaches it, and gets LiteLLM's token", () => {
  const made = [...more.keys()].filter((name) => /^mcp-direct/.test(name));
  assert.deepEqual(made.sort(), ["mcp-direct", "mcp-direct-container", "mcp-direct-health", "mcp-direct-image"]);
  const inputs = inputsOf(more, "mcp-direct-container");
  // Its debug port is its own.
  assert.deepEqual(networksOf(inputs), ["litellm-mcp-net", "mcp-egress-net"]);
  assert.deepEqual(
    inputs.ports.map(({ external, internal }: Record<string, number>) => [external, internal]),
    [[48004, 9000]],
  );
  assert.deepEqual(
    inputs.networksAdvanced.flatMap(({ aliases }: { aliases: string[] }) => aliases),
    ["mcp-direct-server"],
  );
  const litellm = envOf(more, "litellm-container");
  assert.deepEqual([litellm.SECRET_measureToken, litellm.MCP_TOKEN_direct], ["plaintext-of-measureToken", undefined]);
  const { url, auth_type, authentication_token } = parse(configOf(more)).mcp_servers.direct;
  assert.deepEqual(
    [url, auth_type, authentication_token],
    ["http://mcp-direct-server:9000/mcp", "bearer_token", "os.environ/SECRET_measureToken"],
  );
});

test("the gateway check runs again when any container is another one, and asks the adapters", () => {
  for (const resources of [own, existing, more]) {
    const { triggers, servers } = inputsOf(resources, "gateway-check");
    const ids = containers(resources)
      .map(([name]) => name)
      // The scheduled check and the collector are made when the gateway was found good.
      .filter((name) => !["postgres-container", "scheduled-check-container", "log-collector-container"].includes(name))
      .map((name) => `${name}-id`);
    assert.deepEqual([...triggers].sort(), ids.sort());
    for (const { name, adapter } of servers as { name: string; adapter: string | null }[]) {
      const known = containers(resources).map(([, inputs]) => inputs.name);
      if (name === "direct") assert.equal(adapter, null);
      else assert.ok(known.includes(adapter), `${name}: ${adapter}`);
    }
  }
});

test("every wrapped server and every adapter runs as a user of its own, read-only", () => {
  const wrapped = ["fetch", "git", "memory", "postgres-adapter", "time"].map((name) =>
    inputsOf(own, `mcp-${name}-container`),
  );
  for (const { user, readOnly } of wrapped) {
    assert.match(user, /^9\d{5}:9\d{5}$/);
    assert.equal(readOnly, true);
  }
  assert.equal(new Set(wrapped.map(({ user }) => user)).size, wrapped.length);
});

test("when all processors are busy, a server has an eighth of what the gateway has", () => {
  for (const name of ["fetch", "git", "memory", "time", "postgres"])
    assert.equal(inputsOf(own, `mcp-${name}-container`).cpuShares, 128, name);
  for (const name of ["litellm-container", "ingress-container", "postgres-container"])
    assert.equal(inputsOf(own, name).cpuShares, undefined, name);
});

test("an image whose server.yaml says what /tmp may take can write nowhere else", () => {
  const { readOnly, tmpfs } = inputsOf(own, "mcp-postgres-container");
  assert.deepEqual({ readOnly, tmpfs }, { readOnly: true, tmpfs: { "/tmp": "size=16m,mode=1777" } });
});

test("two stacks on one host share no user: a limit on processes counts those of a user on the whole host", () => {
  const one = { project: "litellm-mcp", stack: "local", namePrefix: "", server: "git" };
  const users = [
    one,
    { ...one, project: "other" },
    { ...one, stack: "lan" },
    { ...one, namePrefix: "lab-" },
    { ...one, server: "time" },
  ].map(userFor);
  assert.equal(new Set(users).size, users.length);
  assert.equal(inputsOf(own, "mcp-git-container").user, userFor({ ...one, stack: "test", namePrefix: "lab-" }));
});

test("git has room for the children that it leaves behind: 51 were seen at once", () => {
  assert.deepEqual(inputsOf(own, "mcp-git-container").ulimits, [{ name: "nproc", soft: 256, hard: 256 }]);
});

test("a data volume belongs to the user of its server", () => {
  const { volume, owner, image, container } = inputsOf(own, "mcp-memory-data-owner");
  const { user, name } = inputsOf(own, "mcp-memory-container");
  assert.deepEqual(
    { volume, owner, image, container },
    { volume: "lab-mcp-memory-data", owner: user, image: "sha256:mcp-memory-image", container: name },
  );
});

test("healthchecks end before Docker ends them, and know whom they may end", () => {
  const optionsOf = (name: string) => {
    const { healthcheck } = inputsOf(own, `${name}-container`);
    const tests = healthcheck.tests as string[];
    const option = (key: string) => (tests.includes(key) ? tests[tests.indexOf(key) + 1] : undefined);
    const longest = Number(option("--attempts")) * (Number(option("--timeout")) + 0.5);
    assert.ok(longest < parseInt(healthcheck.timeout), `${name}: ${longest} s of ${healthcheck.timeout}`);
    return { alive: option("--alive-url"), every: option("--every"), inFlight: option("--in-flight-limit") };
  };
  assert.deepEqual(optionsOf("litellm"), {
    alive: "http://127.0.0.1:4000/health/liveliness",
    every: "60",
    inFlight: undefined,
  });
  assert.deepEqual(optionsOf("mcp-postgres"), { alive: undefined, every: undefined, inFlight: "600" });
});

test("an adapter says what it knows of its server; an image is asked in its own container as well, at its own port", () => {
  const testsOf = (resources: Map<string, Recorded>, name: string) =>
    inputsOf(resources, `${name}-container`).healthcheck?.tests as string[] | undefined;
  const adapters = [
    ...["fetch", "git", "memory", "postgres-adapter", "time"].map((name) => [own, `mcp-${name}`] as const),
    ...["house-adapter", "guarded-adapter"].map((name) => [more, `mcp-${name}`] as const),
  ];
  for (const [resources, name] of adapters)
    assert.deepEqual(testsOf(resources, name), ["CMD", "node", "/opt/adapter/ask.mjs", "/health"], name);
  assert.ok(testsOf(own, "mcp-postgres")?.includes("http://127.0.0.1:8000/sse"));
  assert.ok(testsOf(more, "mcp-guarded")?.includes("http://127.0.0.1:9000/mcp"));
  assert.equal(inputsOf(more, "mcp-direct-container").healthcheck, undefined);
});

test("what clients stored outlives container and stack", () => {
  assert.deepEqual(inputsOf(own, "mcp-memory-container").volumes, [
    { containerPath: "/data", volumeName: "lab-mcp-memory-data" },
  ]);
  assert.deepEqual(inputsOf(own, "mcp-time-container").volumes, []);
});

test("the ingress is told what each client may do, and of its key the hash alone", () => {
  const { rights } = inputsOf(own, "ingress-rights");
  const table = JSON.parse(rights) as Rights;
  const phone = table.clients.find(({ name }) => name === "phone");
  assert.deepEqual(phone, {
    name: "phone",
    keyHash: keyHash("sk-plaintext-of-client-phone-value"),
    servers: { time: { allow: null, deny: ["convert_time"] } },
    models: ["mock"],
    rpm: null,
    parallel: 32,
    budget: null,
  });
  assert.deepEqual(Object.keys(table.clients.find(({ name }) => name === "test-key")!.servers), [
    "fetch",
    "git",
    "memory",
    "postgres",
    "time",
  ]);
  assert.deepEqual(
    table.servers.find(({ name }) => name === "time"),
    { name: "time", groups: ["utility"] },
  );
  assert.doesNotMatch(rights, /sk-|plaintext/);
  assert.deepEqual(inputsOf(own, "client-phone-key").groups, ["time"]);
});

test("the ingress's own key lists all servers, and opens no model and no other route", () => {
  const { groups, models, routes, alias } = inputsOf(own, "ingress-listing-key");
  assert.deepEqual(
    [groups, models, routes],
    [["fetch", "git", "memory", "postgres", "time"], ["no-default-models"], ["/mcp", "/mcp/*"]],
  );
  assert.doesNotMatch(alias, /^[a-z0-9-]+$/);
});

test("a key opens the routes that clients use, each by its path, and none of LiteLLM's sets of routes", () => {
  const { routes } = inputsOf(own, "client-phone-key");
  assert.deepEqual(routes, [
    "/mcp",
    "/mcp/*",
    "/v1/models",
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/embeddings",
    "/key/info",
  ]);
  assert.deepEqual(inputsOf(own, "client-test-key-key").routes, routes);
});

test("where LiteLLM enforces allow-lists by itself, a key carries them as LiteLLM wants them", () => {
  const bearerTokenEnv = "MCP_TOKEN_git";
  const id = serverId({
    name: "git",
    url: "http://127.0.0.1:4002/git/sse",
    register: "sse",
    adapter: undefined,
    bearerTokenEnv,
  });
  assert.deepEqual(inputsOf(newer, "client-reader-key").toolPermissions, { [id]: ["git_log"] });
  // It has no deny-lists: those are the ingress's.
  assert.deepEqual(inputsOf(newer, "client-phone-key").toolPermissions, {});
  assert.equal(inputsOf(own, "client-phone-key").toolPermissions, undefined);
});

test("a Postgres of the stack's own loads and makes what the server's tools need, an existing one what is written", () => {
  const { command, image } = inputsOf(own, "postgres-container");
  assert.deepEqual(command, [
    "postgres",
    "-c",
    "shared_preload_libraries=pg_stat_statements",
    "-c",
    "pg_stat_statements.track_utility=off",
  ]);
  assert.ok(image);
  assert.match(inputsOf(own, "postgres-image").name, /^litellm-mcp\/postgres\.hypopg:[0-9a-f]{12}$/);
  const { server, database, role, extensions } = inputsOf(own, "databases-extensions");
  assert.deepEqual(
    [server.host, server.sslmode, database, role, extensions],
    ["127.0.0.1", "disable", "mcp_db", "mcp_readonly", ["pg_stat_statements", "hypopg"]],
  );
  assert.ok(!joining.has("databases-extensions"));
});

test("an existing Postgres gets databases and roles, and no container", () => {
  assert.deepEqual(
    containers(existing)
      .map(([name]) => name)
      .filter((name) => name.startsWith("postgres")),
    [],
  );
  assert.ok(existing.has("databases-litellm_db"));
  assert.deepEqual(networksOf(inputsOf(existing, "mcp-postgres-container")), ["mcp-egress-net", "mcp-postgres-net"]);
  assert.match(
    inputsOf(existing, "mcp-postgres-container").envs[0],
    /^DATABASE_URI=postgresql:\/\/mcp_readonly:.*@192\.168\.1\.11:5433\/mcp_db\?options=-c%20default_transaction_read_only%3Don$/,
  );
});
