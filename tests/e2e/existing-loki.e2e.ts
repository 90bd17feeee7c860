import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";
import { type Counts, countsOfRecord, countsOfSamples, makeCalls, type Sample } from "./counts.ts";
import { bridgeAddress, containerIds, docker, leftovers, removeLeftovers } from "./docker.ts";
import { eventually } from "./gateway.ts";
import { isLong, longOnly } from "./long-form.ts";
import { Workspace } from "./workspace.ts";

// A Loki that somebody else runs: the lab's, with a configuration that knows nothing of this project, and with tenants, so that it
// refuses whoever comes without a header. As with logs.e2e.ts, nothing is deployed in the short form.
const PREFIX = "e2e-elsewhere-";
const STACK = "e2eelsewhere";
const PORT = 31600;
const LOKI_PORT = 31691;
const COLLECTOR = `${PREFIX}log-collector`;
const SOMEBODYS = `${PREFIX}somebodys-loki`;
const NETWORK = `${PREFIX}somebodys-net`;
const TENANT = { name: "X-Scope-OrgID", secret: "lokiTenant" };
/** The first knows what Loki knows by itself, the second what docs/grafana.md says. */
const [PLAIN, LABELLED] = ["plain", "labelled"];

let address: string;
let folder: string;
let config: Record<string, unknown>;
let workspace: Workspace;
let keys: Record<string, string>;

const withLoki = async (loki: object, logs: object = {}) =>
  workspace.writeConfig({
    ...config,
    ...(await workspace.configSection("litellm-mcp:secrets")),
    "litellm-mcp:monitoring": { port: PORT + 90, logs: { loki, ...logs } },
  });

const setTenant = async (tenant: string) => {
  const key = ["--path", "litellm-mcp:secrets.lokiTenant"];
  const { exitCode, output } = await workspace.pulumi("config", "set", "--secret", ...key, tenant);
  assert.equal(exitCode, 0, output);
};

before(async () => {
  if (!isLong) return;
  await removeLeftovers(PREFIX);
  address = await bridgeAddress();
  folder = await mkdtemp(path.join(tmpdir(), "somebodys-loki-"));
  config = {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: PORT + 32 },
    "litellm-mcp:clients": { "test-key": {}, phone: { servers: ["time"] }, guest: { servers: ["time"] } },
  };
  await startLoki();
  workspace = await Workspace.create(STACK, config);
  for (const server of await workspace.serverFolders())
    if (server !== "time") await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  const { exitCode, output } = await workspace.pulumi("stack", "init");
  assert.equal(exitCode, 0, output);
});

after(async () => {
  if (!isLong) return;
  await workspace.end();
  await removeLeftovers(PREFIX);
  await rm(folder, { recursive: true });
});

async function startLoki(): Promise<void> {
  await docker.createNetwork({ Name: NETWORK, Driver: "bridge" });
  const labels = { action: "index_label", attributes: ["job", "container", "client", "server", "outcome"] };
  await writeFile(
    path.join(folder, "overrides.yaml"),
    stringify({
      overrides: { [LABELLED]: { otlp_config: { resource_attributes: { attributes_config: [labels] } } } },
    }),
  );
  await writeFile(
    path.join(folder, "local-config.yaml"),
    stringify({
      auth_enabled: true,
      server: { http_listen_port: 3100, log_level: "warn" },
      common: {
        ...{ instance_addr: "127.0.0.1", path_prefix: "/tmp/loki", replication_factor: 1 },
        storage: { filesystem: { chunks_directory: "/tmp/loki/chunks", rules_directory: "/tmp/loki/rules" } },
        ring: { kvstore: { store: "inmemory" } },
      },
      schema_config: {
        configs: [
          {
            ...{ from: "2020-10-24", store: "tsdb", object_store: "filesystem", schema: "v13" },
            index: { prefix: "index_", period: "24h" },
          },
        ],
      },
      runtime_config: { file: "/etc/loki/overrides.yaml" },
      analytics: { reporting_enabled: false },
    }),
  );
  await docker.createContainer({
    name: SOMEBODYS,
    Image: "grafana/loki:3.7.1",
    HostConfig: {
      Binds: ["local-config.yaml", "overrides.yaml"].map((file) => `${folder}/${file}:/etc/loki/${file}:ro`),
      PortBindings: { "3100/tcp": [{ HostIp: address, HostPort: String(LOKI_PORT) }] },
      NetworkMode: NETWORK,
    },
    ExposedPorts: { "3100/tcp": {} },
    NetworkingConfig: { EndpointsConfig: { [NETWORK]: { Aliases: ["loki"] } } },
  });
}

async function asked<T>(tenant: string, question: string, params: Record<string, string> = {}): Promise<T> {
  const url = `http://${address}:${LOKI_PORT}/loki/api/v1/${question}?${new URLSearchParams(params).toString()}`;
  const answer = await fetch(url, { headers: { "X-Scope-OrgID": tenant } });
  const text = await answer.text();
  assert.equal(answer.status, 200, `${question} ${JSON.stringify(params)}: ${text}`);
  return (JSON.parse(text) as { data: T }).data;
}

const countsOfLines = async (tenant: string, lines: string): Promise<Counts> => {
  const query = `sum by (client, server, outcome) (sum_over_time(${lines} | unwrap count [6h]))`;
  const { result } = await asked<{ result: Sample[] }>(tenant, "query", { query });
  return countsOfSamples(result, ["client", "server", "outcome"]);
};
const recordedCounts = () => countsOfRecord(workspace, ({ client, server, outcome }) => [client, server, outcome]);

const NOW = ["time-get_current_time", { timezone: "UTC" }] as const;
const callAll = (client: string, ...calls: [times: number, name: string, args: Record<string, unknown>]) =>
  makeCalls(`http://${address}:${PORT}/mcp/`, keys[client], ...calls);

/** What the record counts, when the lines are the same. */
async function sameAsTheRecord(tenant: string, lines: string, earlier: Counts = {}): Promise<Counts> {
  let recorded: Counts = {};
  let found: Counts = {};
  await eventually("both are the same", 90, async () => {
    recorded = await recordedCounts();
    for (const [key, count] of Object.entries(earlier)) {
      recorded[key]! -= count;
      if (recorded[key] === 0) delete recorded[key];
    }
    found = await countsOfLines(tenant, lines);
    return isDeepStrictEqual(found, recorded);
  }).catch(() => {});
  assert.deepEqual(found, recorded);
  return recorded;
}

const collectorsNetworks = async () =>
  Object.keys((await docker.getContainer(COLLECTOR).inspect()).NetworkSettings.Networks);

test("settings of a Loki of the stack's own beside it are refused", longOnly, async () => {
  await withLoki({ url: "http://loki:3100", network: NETWORK }, { days: 5 });
  const { exitCode, output } = await workspace.up();
  assert.notEqual(exitCode, 0);
  assert.match(output, new RegExp(`Pulumi\\.${STACK}\\.yaml: litellm-mcp:monitoring\\.logs\\.days`));
});

test("up is red when Loki is away, says which setting that is, and starts no collector", longOnly, async () => {
  await withLoki({ url: "http://loki:3100", network: NETWORK });
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up without its Loki: ${seconds.toFixed(0)} s`);
  assert.notEqual(exitCode, 0);
  assert.match(output, /litellm-mcp:monitoring\.logs\.loki\.url: Loki does not answer at http:\/\/loki:3100/);
  assert.equal((await containerIds(PREFIX))["log-collector"], undefined);
});

test("up is red when Loki refuses the header, or that there is none", longOnly, async () => {
  await docker.getContainer(SOMEBODYS).start();
  const { exitCode, output } = await workspace.up();
  assert.notEqual(exitCode, 0);
  assert.match(output, /litellm-mcp:monitoring\.logs\.loki\.header: Loki at .* refuses .*HTTP 401/);
  assert.equal((await containerIds(PREFIX))["log-collector"], undefined);
});

test("with the header it is green, and no Loki of the stack's own is there", longOnly, async () => {
  await withLoki({ url: "http://loki:3100", network: NETWORK, header: TENANT });
  await setTenant(PLAIN);
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  ({ clientKeys: keys } = await workspace.outputs());
  assert.deepEqual(await collectorsNetworks(), [NETWORK]);
  const made = await leftovers(PREFIX);
  assert.deepEqual(
    made.filter((name) => /loki|log-lines|log-collector-net/.test(name)),
    [SOMEBODYS],
  );
  for (const command of ["preview", "refresh", "preview"] as const) {
    const { exitCode: code, output: said } =
      command === "preview"
        ? await workspace.previewWithoutChanges()
        : await workspace.pulumi("refresh", "--yes", "--expect-no-changes");
    assert.equal(code, 0, said);
  }
});

/** Of a Loki that was not told what a label is. */
const OUTCOMES = "answered|failed|lost|refused";
const PLAIN_CALLS = `{service_namespace="${STACK}", service_name="calls"} | outcome=~"${OUTCOMES}"`;
let recorded: Counts;

test("200 calls of three clients are in it as in the record, beside lines of another stack", longOnly, async () => {
  const line = (stack: string) => ({
    resourceLogs: [
      {
        resource: {
          attributes: Object.entries({
            ...{ "service.namespace": stack, "service.name": "calls", job: "calls" },
            ...{ client: "phone", server: "time", outcome: "answered" },
          }).map(([key, stringValue]) => ({ key, value: { stringValue } })),
        },
        scopeLogs: [
          {
            logRecords: [
              {
                timeUnixNano: `${Date.now()}000000`,
                body: { stringValue: "of another stack" },
                attributes: [{ key: "count", value: { intValue: "1" } }],
              },
            ],
          },
        ],
      },
    ],
  });
  const pushed = await fetch(`http://${address}:${LOKI_PORT}/otlp/v1/logs`, {
    method: "POST",
    headers: { "content-type": "application/json", "X-Scope-OrgID": PLAIN },
    body: JSON.stringify(line("another")),
  });
  assert.ok(pushed.ok, await pushed.text());
  await Promise.all(
    ["test-key", "phone", "guest"].map(async (client) => {
      await callAll(client, 50, ...NOW);
      await callAll(client, 10, "time-get_current_time", { timezone: "Nowhere/At_All" });
      await callAll(client, 7, "time-no_such_tool", {});
    }),
  );
  recorded = await sameAsTheRecord(PLAIN, PLAIN_CALLS);
  console.log(`calls: ${JSON.stringify(recorded)}`);
  assert.ok(Object.values(recorded).reduce((sum, count) => sum + count, 0) >= 200);
  assert.deepEqual((await asked<string[]>(PLAIN, "label/service_namespace/values")).sort(), ["another", STACK].sort());
  const logged = `sum by (service_name) (count_over_time({service_namespace="${STACK}", service_name!~"calls|up"}[6h]))`;
  const { result } = await asked<{ result: Sample[] }>(PLAIN, "query", { query: logged });
  console.log(`lines: ${JSON.stringify(result.map(({ metric, value }) => [metric["service_name"], value[1]]))}`);
  assert.ok(result.some(({ metric }) => metric["service_name"] === `${PREFIX}litellm`));
});

test(
  "by an address of the LAN the collector has a network to itself; labels that Loki was told of are there",
  longOnly,
  async () => {
    await withLoki({ url: `http://${address}:${LOKI_PORT}`, header: TENANT });
    await setTenant(LABELLED);
    const { exitCode, output, seconds } = await workspace.up();
    console.log(`up: ${seconds.toFixed(0)} s`);
    assert.equal(exitCode, 0, output);
    assert.deepEqual(await collectorsNetworks(), [`${PREFIX}log-collector-net`]);
    for (const client of ["test-key", "phone", "guest"]) await callAll(client, 10, ...NOW);
    const lines = `{service_namespace="${STACK}", job="calls", outcome=~"${OUTCOMES}"}`;
    await sameAsTheRecord(LABELLED, lines, recorded);
    assert.deepEqual((await asked<string[]>(LABELLED, "label/client/values")).sort(), ["guest", "phone", "test-key"]);
  },
);

test("a Loki that is away for a while loses no line", longOnly, async () => {
  await docker.getContainer(SOMEBODYS).stop();
  await callAll("phone", 30, ...NOW);
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  await docker.getContainer(SOMEBODYS).start();
  const lines = `{service_namespace="${STACK}", job="calls", outcome=~"${OUTCOMES}"}`;
  await sameAsTheRecord(LABELLED, lines, recorded);
});
