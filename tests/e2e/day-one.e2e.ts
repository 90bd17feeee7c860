import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import pg from "pg";
import { parse } from "yaml";
import { execa } from "execa";
import { projectRoot } from "../../lib/project-root.ts";
import { startSshd, type TestSshd } from "../../lab/docker/sshd.ts";
import { freePort } from "../free-port.ts";
import { bridgeAddress, docker, leftovers, removeLeftovers } from "./docker.ts";
import { callTool, eventually, listTools } from "./gateway.ts";
import { useEachTool, WORKLOAD } from "./postgres-tools.ts";
import { Workspace } from "./workspace.ts";

// The first deployment on a host that is in use: networks made by hand, a Postgres on one of them without a published
// port, containers of an earlier attempt.
const PREFIX = "e2e-dayone-";
const STACK = "e2edayone";
const GATEWAY_PORT = 27000;
const TUNNEL_PORT = 27433;
const IMAGE = "postgres:17.6-trixie";
/** His Postgres has hypopg, which no official image has. */
const HIS_IMAGE = `${PREFIX}postgres:with-hypopg`;
const PASSWORD = "administrator-of-his-server";
const [MCP_NET, POSTGRES_NET] = [`${PREFIX}litellm-mcp-net`, `${PREFIX}postgres-net`];
const POSTGRES = `${PREFIX}postgres`;
const LEFT = [`${PREFIX}litellm`, `${PREFIX}mcp-postgres`];
const SERVERS = ["postgres", "time"];

let address: string;
let sshd: TestSshd;
let workspace: Workspace;

const config = (more: Record<string, unknown> = {}) => ({
  "litellm-mcp:docker": { host: sshd.url, knownHosts: sshd.knownHosts, identity: sshd.identity },
  "litellm-mcp:lan": { address },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: GATEWAY_PORT },
  "litellm-mcp:clients": { "test-key": {} },
  ...more,
});

const onHisNetworks = (postgres: Record<string, unknown> = {}) => ({
  "litellm-mcp:existingNetworks": { mcp: MCP_NET },
  "litellm-mcp:postgres": {
    ...{ kind: "existing", network: POSTGRES_NET, host: "postgres", tunnelPort: TUNNEL_PORT, protect: false },
    readOnly: { database: "shop", create: false, schemas: ["public", "sales", "archive"] },
    ...postgres,
  },
});

/** Asks his server as he would: its port is published nowhere. */
async function his(database: string, ...statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const { IPAddress: host } = (await docker.getContainer(POSTGRES).inspect()).NetworkSettings.Networks[POSTGRES_NET]!;
  const client = new pg.Client({ host, user: "postgres", password: PASSWORD, database });
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query(statement)).rows as Record<string, unknown>[];
    return rows;
  } finally {
    await client.end();
  }
}

/** What of the host is his, in a form that shows every change. */
const seen = async () => ({
  networks: await Promise.all(
    [MCP_NET, POSTGRES_NET].map(async (name) => {
      const { Id, Labels, Options, Internal } = await docker.getNetwork(name).inspect();
      return { Id, Labels, Options, Internal };
    }),
  ),
  postgres: await docker
    .getContainer(POSTGRES)
    .inspect()
    .then(({ Id, State }) => ({ Id, StartedAt: State.StartedAt })),
  databases: await his(
    "postgres",
    "SELECT datname, coalesce(datacl, acldefault('d', datdba))::text AS rights FROM pg_database ORDER BY 1",
  ),
  roles: await his("postgres", "SELECT rolname FROM pg_roles ORDER BY 1"),
  tables: await his(
    "shop",
    `SELECT n.nspname, coalesce(n.nspacl, acldefault('n', n.nspowner))::text AS schema_rights, c.relname,
            pg_get_userbyid(c.relowner) AS owner, coalesce(c.relacl, acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner))::text AS rights FROM pg_class c
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'sales') ORDER BY 1, 3`,
  ),
  defaults: await his("shop", "SELECT defaclacl::text FROM pg_default_acl"),
  schemas: await his("shop", "SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' ORDER BY 1"),
  extensions: await his("shop", "SELECT extname FROM pg_extension ORDER BY 1"),
  customers: await his("shop", "SELECT * FROM customers"),
});

async function prepareHost(): Promise<void> {
  const recipe = path.join(projectRoot, "components/postgres/image");
  await execa("docker", ["build", "--build-arg", `IMAGE=${IMAGE}`, "--tag", HIS_IMAGE, recipe]);
  await docker.createNetwork({ Name: MCP_NET });
  // With a subnet, so that a container can be given an address.
  await docker.createNetwork({ Name: POSTGRES_NET, IPAM: { Config: [{ Subnet: "10.213.77.0/24" }] } });
  const postgres = await docker.createContainer({
    name: POSTGRES,
    Image: HIS_IMAGE,
    Cmd: ["postgres", "-c", "shared_preload_libraries=pg_stat_statements"],
    Env: [`POSTGRES_PASSWORD=${PASSWORD}`],
    HostConfig: { NetworkMode: POSTGRES_NET },
    NetworkingConfig: { EndpointsConfig: { [POSTGRES_NET]: { Aliases: ["postgres"] } } },
  });
  await postgres.start();
  for (const name of LEFT)
    await docker.createContainer({
      name,
      Image: IMAGE,
      Labels: { "com.docker.compose.project": "ai", "com.docker.compose.service": name.slice(PREFIX.length) },
    });
  await eventually("his Postgres answers", 60, () =>
    his("postgres", "SELECT 1").then(
      () => true,
      () => false,
    ),
  );
  await his("postgres", "CREATE ROLE shop_owner LOGIN", "CREATE DATABASE shop");
  await his(
    "shop",
    "CREATE TABLE customers (name text)",
    "INSERT INTO customers VALUES ('Ada'), ('Grace')",
    "CREATE SCHEMA archive",
    "CREATE SCHEMA sales AUTHORIZATION shop_owner",
    "SET ROLE shop_owner",
    "CREATE TABLE sales.orders (item text)",
    "INSERT INTO sales.orders VALUES ('a lamp')",
  );
  await his("shop", ...WORKLOAD);
}

before(async () => {
  address = await bridgeAddress();
  await removeLeftovers(PREFIX);
  await prepareHost();
  sshd = await startSshd({ address: "127.0.0.1", port: await freePort() });
  workspace = await Workspace.create(STACK, config());
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
});

after(async () => {
  const { exitCode, output } = await npmRun("down");
  if (exitCode !== 0) console.error(output);
  // First: with it this process would stay for ever, whatever comes after it fails.
  await sshd.stop();
  await workspace.remove();
  await removeLeftovers(PREFIX);
});

const npmRun = (command: string) => workspace.run("npm", ["run", command, "--", "--stack", STACK, "--yes"]);
const succeeds = ({ exitCode, output }: { exitCode: number; output: string }) => assert.equal(exitCode, 0, output);
const oneLine = (output: string) => output.replace(/\s*\n\s*/g, " ");

/** The encrypted part of the settings, as `pulumi config set --secret` wrote it. */
const secrets = () => workspace.configSection("litellm-mcp:secrets");

async function setPassword(password: string): Promise<void> {
  const key = "litellm-mcp:secrets.postgresAdminPassword";
  succeeds(await workspace.pulumi("config", "set", "--secret", "--path", key, password));
}

async function previewFails(postgres: Record<string, unknown>, ...messages: readonly RegExp[]): Promise<void> {
  await workspace.writeConfig({ ...config(onHisNetworks(postgres)), ...(await secrets()) });
  const { exitCode, output } = await workspace.pulumi("preview");
  assert.notEqual(exitCode, 0, output);
  for (const message of messages) assert.match(oneLine(output), message);
}

test("the first npm run up names everything that is in its way, with the ways out, and changes nothing", async () => {
  const [before, there] = [await seen(), (await leftovers(PREFIX)).sort()];
  const { exitCode, output } = await npmRun("up");
  assert.notEqual(exitCode, 0, output);
  // One message has all of it.
  const message = output.slice(output.lastIndexOf("the host is not ready, nothing was changed"));
  for (const name of LEFT)
    assert.match(
      message,
      new RegExp(
        `container ${name} was not made by this program \\(image ${IMAGE}, compose project ai, service ${name.slice(PREFIX.length)}, created, since 20.*` +
          `docker compose -p ai down, which takes away all of that project, or docker rm -f ${name}, or write another litellm-mcp:namePrefix`,
      ),
    );
  for (const way of [
    `network ${MCP_NET} was not made by this program.*use it as it is: litellm-mcp:existingNetworks\\.mcp: ${MCP_NET}`,
    `network ${POSTGRES_NET} was not made by this program \\(containers on it: ${POSTGRES},.*network: ${POSTGRES_NET}, host: ITS-NAME`,
    `container ${POSTGRES} was not made by this program.*use it as it is: litellm-mcp:postgres: { kind: existing, network: ${POSTGRES_NET}, host: ${POSTGRES} }`,
  ])
    assert.match(message, new RegExp(way));
  assert.deepEqual([await seen(), (await leftovers(PREFIX)).sort()], [before, there]);
});

test("what is wrong with the way to Postgres is said with what to write", async () => {
  for (const name of LEFT) await docker.getContainer(name).remove({ force: true });
  await setPassword("not-the-password");
  await previewFails(
    {},
    /refuses postgres@postgres:5432 on network .*Write the password of postgres: pulumi config set/,
  );
  await setPassword(PASSWORD);
  await previewFails(
    { network: `${PREFIX}nowhere` },
    new RegExp(
      `litellm-mcp:postgres\\.network: there is no network ${PREFIX}nowhere on the host; there are .*${POSTGRES_NET}`,
    ),
  );
  await previewFails(
    { host: "pg" },
    new RegExp(
      `no container on network ${POSTGRES_NET} has the name or alias pg; there are: ${POSTGRES}, or postgres\\.`,
    ),
  );
  await previewFails(
    { port: 5433 },
    new RegExp(`litellm-mcp:postgres\\.port 5433: container ${POSTGRES} runs, and nothing listens on this port`),
  );
  await previewFails(
    { sslmode: "require" },
    /sslmode require: the server at .* offers no encryption\. Write disable, or leave it out/,
  );
  await previewFails(
    { readOnly: { database: "shop" } },
    /there is a database shop already\. To read it as it is, write readOnly\.create: false/,
  );
  await previewFails(
    { readOnly: { database: "shops", create: false } },
    /there is no database shops on this server; there are postgres, shop\./,
  );
  await previewFails(
    { readOnly: { database: "shops", extensions: ["postgis"] } },
    /readOnly\.extensions.*(pg_stat_statements or hypopg)/,
  );
  await previewFails(
    { readOnly: { database: "shop", create: false, schemas: ["stock"] } },
    /database shop has no schema stock; there are archive, public, sales\./,
  );
  const closed = await docker.createNetwork({
    Name: `${PREFIX}closed`,
    Internal: true,
    Options: { "com.docker.network.bridge.inhibit_ipv4": "true" },
  });
  await closed.connect({ Container: POSTGRES, EndpointConfig: { Aliases: ["postgres"] } });
  await previewFails(
    { network: `${PREFIX}closed` },
    new RegExp(
      `the host does not reach .*, the address of container ${POSTGRES}\\. A network without an address of the host`,
    ),
  );
  await closed.disconnect({ Container: POSTGRES });
  await closed.remove();
  await docker.getContainer(POSTGRES).stop();
  await previewFails(
    {},
    new RegExp(`container ${POSTGRES} does not run \\(exited\\)\\. Start it: docker start ${POSTGRES}`),
  );
  await docker.getContainer(POSTGRES).start();
  await eventually("his Postgres answers again", 60, () =>
    his("postgres", "SELECT 1").then(
      () => true,
      () => false,
    ),
  );
});

test("a database of an earlier attempt is found before LiteLLM migrates it", async () => {
  await his("postgres", "CREATE DATABASE litellm_db", "CREATE ROLE litellm_user");
  await previewFails(
    {},
    /there is a database litellm_db already, and LiteLLM needs one of its own/,
    /there is a role litellm_user already/,
  );
  await his("postgres", "DROP DATABASE litellm_db", "DROP ROLE litellm_user");
});

let before1: Awaited<ReturnType<typeof seen>>;

test("with the settings for his networks and his Postgres, npm run up is green", async () => {
  before1 = await seen();
  await workspace.writeConfig({ ...config(onHisNetworks()), ...(await secrets()) });
  const { exitCode, output, seconds } = await npmRun("up");
  console.log(`npm run up on a host in use: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  // Both are as `docker network create` makes them.
  for (const network of [MCP_NET, POSTGRES_NET]) assert.match(output, new RegExp(`Network ${network} is not internal`));
  assert.match(output, /Database shop has no tables in archive\./);
  assert.match(oneLine(output), /Tables of database shop belong to shop_owner\. .*readOnly\.owners has this role/);
  assert.ok(!output.includes(PASSWORD) && !workspace.printed.includes(PASSWORD + "@"));
});

test("LiteLLM and the servers are on his networks, and the stack has made no other of these", async () => {
  const networksOf = async (name: string) =>
    Object.keys((await docker.getContainer(`${PREFIX}${name}`).inspect()).NetworkSettings.Networks)
      .map((network) => network.slice(PREFIX.length))
      .sort();
  assert.deepEqual(await networksOf("litellm"), [
    "litellm-ingress-net",
    "litellm-lan-net",
    "litellm-mcp-net",
    "postgres-net",
  ]);
  assert.deepEqual(await networksOf("mcp-time"), ["litellm-mcp-net"]);
  assert.deepEqual(await networksOf("mcp-postgres"), ["mcp-postgres-net", "postgres-net"]);
  assert.deepEqual(await networksOf("postgres"), ["postgres-net"]);
  const { networks } = await seen();
  assert.deepEqual(networks, before1.networks);
});

const sql = async (statement: string) => {
  const { gateway, clientKeys } = await workspace.outputs();
  return callTool(gateway, clientKeys["test-key"]!, "postgres-execute_sql", { sql: statement });
};

test("the Postgres server shows his tables, whoever made them, and can change none", async () => {
  const { gateway, clientKeys } = await workspace.outputs();
  const call = (tool: string, args: Record<string, unknown> = {}) =>
    callTool(gateway, clientKeys["test-key"]!, `postgres-${tool}`, args);
  assert.match(await call("list_schemas"), /sales/);
  assert.match(await call("list_objects", { schema_name: "public" }), /customers/);
  assert.match(await call("list_objects", { schema_name: "sales" }), /orders/);
  assert.match(await sql("SELECT name FROM customers ORDER BY 1"), /Ada.*Grace/s);
  assert.match(await sql("SELECT item FROM sales.orders"), /a lamp/);
  assert.match(await sql("INSERT INTO customers VALUES ('Eve')"), /error|denied|read-only|not allowed/i);
  assert.deepEqual(await his("shop", "SELECT count(*)::int AS count FROM customers"), [{ count: 2 }]);
});

test("without extensions in his database, the tools that need them say what to install", async () => {
  const { gateway, clientKeys } = await workspace.outputs();
  const call = (tool: string, args: Record<string, unknown> = {}) =>
    callTool(gateway, clientKeys["test-key"]!, `postgres-${tool}`, args);
  assert.match(await call("get_top_queries"), /CREATE EXTENSION pg_stat_statements/);
  for (const [tool, args] of [
    ["analyze_query_indexes", { queries: ["SELECT page FROM visits WHERE customer = 7"] }],
    ["analyze_workload_indexes", {}],
    [
      "explain_query",
      { sql: "SELECT 1 FROM visits", hypothetical_indexes: [{ table: "visits", columns: ["customer"] }] },
    ],
  ] as const)
    assert.match(await call(tool, args), /hypopg/, tool);
  assert.match(await call("analyze_db_health"), /All sequences have healthy usage levels/);
});

test("with them, each of the nine tools does its work, and shows the queries of this database alone", async () => {
  const readOnly = {
    ...{ database: "shop", create: false, schemas: ["public", "sales", "archive"] },
    extensions: ["pg_stat_statements", "hypopg"],
  };
  await workspace.writeConfig({ ...config(onHisNetworks({ readOnly })), ...(await secrets()) });
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
  const { gateway, clientKeys } = await workspace.outputs();
  const key = clientKeys["test-key"]!;
  const call = (tool: string, args: Record<string, unknown> = {}) => callTool(gateway, key, `postgres-${tool}`, args);
  await his("postgres", ...Array.from({ length: 3 }, () => "SELECT 'of another database', pg_sleep(0.1)"));
  await his("shop", "CREATE ROLE somebody PASSWORD 'canary-in-a-statement'", "DROP ROLE somebody");
  const tools = (await listTools(gateway, key))
    .filter((tool) => tool.startsWith("postgres-"))
    .map((tool) => tool.slice("postgres-".length));
  await useEachTool(tools, call);
  const top = await call("get_top_queries", { sort_by: "total_time", limit: 1000 });
  assert.doesNotMatch(top, /canary|pg_sleep|LiteLLM_|insufficient privilege/);
  // The same by SQL: nothing else of the statistics can be read.
  const counted = "SELECT count(*) FROM litellm_mcp_statistics.pg_stat_statements";
  assert.match(await call("execute_sql", { sql: counted }), /permission denied/);
  succeeds(await workspace.previewWithoutChanges());
});

test("localhost on the host itself leads to the gateway as well", async () => {
  const { clientKeys } = await workspace.outputs();
  const time = await callTool(
    `http://127.0.0.1:${GATEWAY_PORT}/mcp/`,
    clientKeys["test-key"]!,
    "time-get_current_time",
    {
      timezone: "UTC",
    },
  );
  assert.match(time, /"timezone"/);
});

test("a preview shows no changes, also after his Postgres was started again with another address, and after a refresh", async () => {
  succeeds(await workspace.previewWithoutChanges());
  const addressOf = async () =>
    (await docker.getContainer(POSTGRES).inspect()).NetworkSettings.Networks[POSTGRES_NET]!.IPAddress;
  const before = await addressOf();
  await docker.getContainer(POSTGRES).stop();
  // Takes the address that is free now.
  const other = await docker.createContainer({
    name: `${PREFIX}other`,
    Image: IMAGE,
    Entrypoint: ["sleep", "3600"],
    HostConfig: { NetworkMode: POSTGRES_NET },
    NetworkingConfig: { EndpointsConfig: { [POSTGRES_NET]: { IPAMConfig: { IPv4Address: before } } } },
  });
  await other.start();
  await docker.getContainer(POSTGRES).start();
  await eventually("his Postgres answers again", 60, () =>
    his("postgres", "SELECT 1").then(
      () => true,
      () => false,
    ),
  );
  assert.notEqual(await addressOf(), before);
  succeeds(await workspace.previewWithoutChanges());
  succeeds(await workspace.upWithoutChanges());
  succeeds(await workspace.pulumi("refresh", "--run-program", "--yes", "--expect-no-changes", "--parallel", "8"));
  await other.remove({ force: true });
  await eventually("the Postgres server has found his Postgres again", 60, async () =>
    /Ada/.test(await sql("SELECT name FROM customers").catch(() => "")),
  );
});

test("tables that an owner makes later are read once the owner is written", async () => {
  const readOnly = {
    ...{ database: "shop", create: false, schemas: ["public", "sales", "archive"], owners: ["shop_owner"] },
    extensions: ["pg_stat_statements", "hypopg"],
  };
  await workspace.writeConfig({ ...config(onHisNetworks({ readOnly })), ...(await secrets()) });
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
  assert.doesNotMatch(output, /belong to shop_owner/);
  await his(
    "shop",
    "SET ROLE shop_owner",
    "CREATE TABLE sales.later (item text)",
    "INSERT INTO sales.later VALUES ('a chair')",
  );
  assert.match(await sql("SELECT item FROM sales.later"), /a chair/);
  await his("shop", "DROP TABLE sales.later");
  succeeds(await workspace.previewWithoutChanges());
});

test("npm run down leaves his networks, his Postgres and his tables as they were", async () => {
  succeeds(await npmRun("down"));
  assert.deepEqual(
    (await leftovers(PREFIX)).sort(),
    [`${PREFIX}ingress-audit`, MCP_NET, POSTGRES, POSTGRES_NET].sort(),
  );
  const { postgres, ...after } = await seen();
  const { postgres: former, ...untouched } = before1;
  assert.equal(postgres.Id, former.Id);
  assert.deepEqual(after, untouched);
  assert.ok("encryptionsalt" in (parse(await workspace.readFile(`Pulumi.${STACK}.yaml`)) as object));
});
