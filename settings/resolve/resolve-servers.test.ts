import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import {
  databaseYaml,
  git,
  HIDDEN,
  houseYaml,
  inStack,
  KEY,
  load,
  local,
  refused,
  setSecret,
  STACK,
  timeYaml,
} from "../../tests/small-stack.ts";
import { loadSettings } from "../load.ts";

const proxied = { egress: true, proxied: true };

refused([
  inStack(
    "the price of a tool that the server does not have",
    { servers: { time: { toolCosts: { convert_tme: 1 } } } },
    "servers.time.toolCosts.convert_tme",
    '"convert_tme"',
    "one of its tools: get_current_time",
  ),
  inStack(
    "a price of nothing",
    { servers: { time: { costPerCall: 0 } } },
    "servers.time.costPerCall",
    "0",
    "USD, a number above 0",
  ),
  inStack(
    "changes to no server",
    { servers: { gti: {} } },
    "servers.gti",
    '"gti"',
    "the name of a folder under mcp/: git, postgres, time",
  ),
  inStack(
    "server's name with -",
    { servers: { "my-git": {} } },
    "servers",
    '"my-git"',
    "a server's name: lower-case letters, digits and _, beginning with a letter",
  ),
  inStack(
    "unknown change",
    { servers: { time: { port: 1 } } },
    "servers.time.port",
    KEY,
    "one of the keys enabled, mounts, debugPort, env, secrets, acceptRisks, egress, lanAddresses, costPerCall, toolCosts",
  ),
  inStack(
    "unknown mount",
    { servers: { git: { mounts: { repos: "/srv/git" } } } },
    "servers.git.mounts.repos",
    '"repos"',
    "one of its mounts: repositories",
  ),
  inStack(
    "mount of a server without mounts",
    { servers: { time: { mounts: { repos: "/srv/git" } } } },
    "servers.time.mounts.repos",
    '"repos"',
    "leave it out: the server has no mounts",
  ),
  inStack(
    "relative mount",
    { servers: { git: { mounts: { repositories: "srv/git" } } } },
    "servers.git.mounts.repositories",
    '"srv/git"',
    "an absolute path without spaces, such as /srv/data",
  ),
  inStack(
    "debug port",
    { servers: { time: { debugPort: 8001 } } },
    "servers.time.debugPort",
    "8001",
    "a port, 48000 to 48999",
  ),
  inStack(
    "variable of the image",
    { servers: { time: { env: { PATH: "/x" } } } },
    "servers.time.env",
    '"PATH"',
    "a variable other than PATH and LD_PRELOAD, which the image sets",
  ),
  inStack(
    "variable that is a secret",
    { servers: { postgres: { env: { DATABASE_URI: "x" } } } },
    "servers.postgres.env.DATABASE_URI",
    HIDDEN,
    "leave it out: server.yaml takes this variable from a secret",
  ),
  ...["/", "/run", "/var/run/", "/var/run/docker.sock", "/run/./docker.sock", "/var", "/run/podman"].map((source) =>
    inStack(
      `mount of ${source}`,
      { servers: { git: { mounts: { repositories: source } } } },
      "servers.git.mounts.repositories",
      `"${source}"`,
      "a directory that the server needs: whoever can use the socket of the container engine controls the whole host; a server that is made for it declares risks: [docker-socket] in mcp/git/server.yaml",
    ),
  ),
  ...["/etc", "/root/.ssh", "/var/lib", "/srv/../proc/1"].map((source) =>
    inStack(
      `mount of ${source}`,
      { servers: { git: { mounts: { repositories: source } } } },
      "servers.git.mounts.repositories",
      `"${source}"`,
      "a directory such as /srv/data: /boot, /dev, /etc, /proc, /root, /sys, /var/lib/containerd, /var/lib/docker belong to the host's own system",
    ),
  ),
  inStack(
    "variable for a certificate",
    { servers: { time: { env: { SSL_KEYFILE_PATH: "/key" } } } },
    "servers.time.env",
    '"SSL_KEYFILE_PATH"',
    "leave it out: plain HTTP only, no certificates, no proxy",
  ),
  inStack(
    "risk that is not declared",
    { servers: { git: { acceptRisks: ["docker-socket"] } } },
    "servers.git.acceptRisks",
    '"docker-socket"',
    "leave it out: mcp/git/server.yaml does not declare this risk",
  ),
  inStack(
    "risk that is not accepted",
    {},
    "servers.git.acceptRisks",
    "nothing",
    "[docker-socket], if you take it: whoever can use the socket of the container engine controls the whole host; or turn the server off",
    { files: { "git/server.yaml": stringify({ ...git, risks: ["docker-socket"] }) } },
  ),
  inStack(
    "variable twice",
    { servers: { time: { env: { TZ: "UTC" }, secrets: { TZ: "zone" } } } },
    "servers.time.env.TZ",
    '"UTC"',
    "TZ in env or in secrets, not in both",
    { secretNames: ["zone"] },
  ),
  inStack(
    "further secret that is missing",
    { servers: { time: { secrets: { API_KEY: "timeKey" } } } },
    "secrets.timeKey",
    "nothing",
    setSecret("timeKey"),
  ),
  inStack(
    "variable that only the stack knows",
    {},
    "servers.time.env.SERVER_ADDRESS",
    "nothing",
    "address of the time server",
    { files: timeYaml({ required: { SERVER_ADDRESS: "address of the time server" } }) },
  ),
  inStack("token of an image that is missing", {}, "secrets.databaseToken", "nothing", setSecret("databaseToken"), {
    files: databaseYaml({ bearerToken: "databaseToken" }),
  }),
  inStack("header's secret that is missing", {}, "secrets.houseKey", "nothing", setSecret("houseKey"), {
    files: houseYaml({ headers: { "X-API-Key": "houseKey" } }),
  }),
  inStack("password that is missing", {}, "secrets.housePassword", "nothing", setSecret("housePassword"), {
    files: houseYaml({ basicLogin: { user: "me", password: "housePassword" } }),
  }),
  inStack(
    "variable of the adapter",
    { servers: { time: { env: { ADAPTER_SHOW_ALL_TOOLS: "true" } } } },
    "servers.time.env",
    '"ADAPTER_SHOW_ALL_TOOLS"',
    "a variable whose name does not begin with ADAPTER_",
  ),
  inStack(
    "variable of the adapter from a secret",
    { servers: { time: { secrets: { ADAPTER_TOKEN: "zone" } } } },
    "servers.time.secrets",
    '"ADAPTER_TOKEN"',
    "a variable whose name does not begin with ADAPTER_",
  ),
  inStack(
    "address outside the LAN that is not accepted",
    {},
    "servers.house.acceptRisks",
    "nothing",
    "[outside-lan], if you take it: what clients send to its tools leaves the LAN, in clear; or turn the server off",
    { files: houseYaml({ source: { url: "http://8.8.8.8/sse" }, risks: ["outside-lan"] }) },
  ),
  inStack(
    "variable of a server that runs elsewhere",
    { servers: { house: { env: { LANG: "C" } } } },
    "servers.house.env",
    '{"LANG":"C"}',
    "leave it out: the server runs elsewhere",
    { files: houseYaml({}) },
  ),
  inStack(
    "secret of a server that runs elsewhere",
    { servers: { house: { secrets: { API_KEY: "houseKey" } } } },
    "servers.house.secrets",
    '{"API_KEY":"houseKey"}',
    "leave it out: the server runs elsewhere",
    { files: houseYaml({}), secretNames: ["houseKey"] },
  ),
  inStack(
    "way out for a server that runs elsewhere",
    { servers: { house: { egress: false } } },
    "servers.house.egress",
    "false",
    "leave it out: the server runs elsewhere",
    { files: houseYaml({}) },
  ),
  inStack(
    "address of the LAN for a server that reaches the LAN by itself",
    { servers: { time: { lanAddresses: ["192.168.1.20"] } } },
    "servers.time.lanAddresses",
    '["192.168.1.20"]',
    "leave it out: time does not ask for pages through its adapter (proxied in server.yaml), and egress alone says what it reaches",
  ),
  inStack(
    "address that is not of the LAN",
    { servers: { time: { lanAddresses: ["192.168.1.20", "8.8.8.8"] } } },
    "servers.time.lanAddresses[1]",
    '"8.8.8.8"',
    "leave it out: this is a public address, which is open",
    { files: timeYaml(proxied) },
  ),
  inStack(
    "name in place of an address",
    { servers: { time: { lanAddresses: ["router.lan"] } } },
    "servers.time.lanAddresses[0]",
    '"router.lan"',
    "an address of the LAN with a port or without one (80 and 443), such as 192.168.1.20:8080 or 192.168.1.20, or a network, such as 192.168.1.0/24",
    { files: timeYaml(proxied) },
  ),
  inStack(
    "one address that is no list",
    { servers: { time: { lanAddresses: "192.168.1.20" } } },
    "servers.time.lanAddresses",
    '"192.168.1.20"',
    "a list of addresses and networks, such as [192.168.1.20:8080, 192.168.2.0/24]",
    { files: timeYaml(proxied) },
  ),
  inStack(
    "variable that leads past the adapter",
    { servers: { time: { env: { NO_PROXY: "192.168.1.20" } } } },
    "servers.time.env.NO_PROXY",
    "NO_PROXY",
    "leave it out: the server asks for pages through its adapter",
    { files: timeYaml(proxied) },
  ),
]);

test("addresses of the LAN are for a server that asks for pages through its adapter", () => {
  const config = { servers: { time: { lanAddresses: ["192.168.1.20:8080"] } } };
  const lanAddresses = (given: Parameters<typeof load>[0]) =>
    load(given).servers.find(({ name }) => name === "time")!.lanAddresses;
  assert.deepEqual(lanAddresses({ config, files: timeYaml(proxied) }), ["192.168.1.20:8080"]);
  assert.deepEqual(lanAddresses({ files: timeYaml(proxied) }), []);
  assert.equal(lanAddresses({}), undefined);
});

test("a risk that the server declares and the stack accepts", () => {
  const { servers } = load({
    config: { servers: { git: { mounts: { repositories: "/var/run/docker.sock" }, acceptRisks: ["docker-socket"] } } },
    files: { "git/server.yaml": stringify({ ...git, risks: ["docker-socket"] }) },
  });
  assert.deepEqual(servers[0]?.risks, ["docker-socket"]);
});

test("a stack changes, binds and turns off servers", () => {
  const { servers, warnings } = load({
    config: {
      servers: {
        time: { env: { TZ: "UTC", DEPTH: 5, VERBOSE: true }, debugPort: "48001" },
        git: { mounts: { repositories: "/srv/git" } },
        postgres: { enabled: "false" },
      },
    },
    files: timeYaml({ env: { TZ: "CET", LANG: "C" } }),
  });
  assert.deepEqual(
    servers.map(({ name }) => name),
    ["git", "time"],
  );
  assert.deepEqual(servers[0]?.mounts, [
    { name: "repositories", source: "/srv/git", target: "/repositories", readOnly: true },
  ]);
  assert.deepEqual(servers[1]?.env, { DEPTH: "5", LANG: "C", TZ: "UTC", VERBOSE: "true" });
  assert.equal(servers[1]?.debugPort, 48001);
  // Its adapter asks for a token.
  assert.doesNotMatch(warnings.join("\n"), /is published on port/);
});

test("a debug port without an adapter has a warning", () => {
  const { warnings } = load({
    config: { servers: { postgres: { debugPort: 48001 } } },
    files: databaseYaml({ adapter: "none" }),
  });
  assert.equal(
    warnings.at(-1),
    "`postgres` is published on port 48001: every machine that reaches it can call its tools without a key.",
  );
});

test("what a stack must say of a server, and a token that LiteLLM sends to another, which has no adapter", () => {
  const { servers, gateway } = load({
    config: {
      servers: { time: { env: { HOST: "10.0.0.9" }, secrets: { API_KEY: "timeKey", DEPTH: "depth" }, egress: true } },
    },
    files: {
      ...timeYaml({ required: { HOST: "an address" }, env: { DEPTH: "1" }, data: true, limits: { tmp: 512 } }),
      ...databaseYaml({ bearerToken: "databaseToken", adapter: "none" }),
    },
    secretNames: ["timeKey", "depth", "databaseToken"],
  });
  const { env, secrets, egress, dataVolume, writableTmpMiB } = servers.find(({ name }) => name === "time")!;
  assert.deepEqual(
    { env, secrets, egress, dataVolume, writableTmpMiB },
    {
      env: { HOST: "10.0.0.9" },
      secrets: { API_KEY: "timeKey", DEPTH: "depth" },
      egress: true,
      dataVolume: "mcp-time-data",
      writableTmpMiB: 512,
    },
  );
  assert.equal(servers.find(({ name }) => name === "postgres")?.bearerTokenEnv, "SECRET_databaseToken");
  assert.deepEqual(gateway.secretEnv, { SECRET_databaseToken: "databaseToken" });
});

test("a secret of a server is asked for while the server is on, and its value goes to nobody but its adapter", () => {
  const files = {
    ...databaseYaml({ bearerToken: "databaseToken" }),
    ...houseYaml({
      basicLogin: { user: "me", password: "housePassword" },
      headers: { "X-Zone": "zone", "X-API-Key": "houseKey" },
    }),
  };
  const off = { servers: { house: { enabled: false }, postgres: { enabled: false } } };
  const unused = ({ warnings }: ReturnType<typeof load>) => warnings.filter((one) => one.startsWith("Nothing on this"));
  load({ files, config: off });
  const secretNames = ["databaseToken", "housePassword", "houseKey", "zone"];
  const on = load({ files, secretNames });
  const { gateway, servers } = on;
  assert.deepEqual(unused(on), []);
  assert.deepEqual(gateway.secretEnv, {});
  for (const server of servers)
    assert.deepEqual(Object.values(server.secrets), server.postgres ? ["postgresReadOnlyUrl"] : []);
  assert.equal(unused(load({ files, config: off, secretNames })).length, secretNames.length);
});

test("the warning about a server over http names the LiteLLM that runs, and is gone where the server does no harm", () => {
  const warnings = (tag: string, changes: Record<string, unknown>) =>
    load({
      config: { gateway: { image: `ghcr.io/berriai/litellm:${tag}` }, servers: { git: { enabled: false } } },
      files: databaseYaml({ transport: { kind: "http", port: 8000 }, ...changes }),
    }).warnings.join("\n");
  const direct = { adapter: "none", transport: { kind: "http", port: 8000, sdk: "python" } };
  // An adapter answers while its server is down, and nobody does while the adapter itself is.
  for (const changes of [direct, { register: "http" }]) {
    assert.match(warnings("v1.77.7-stable", changes), /`postgres` is registered as http: on LiteLLM 1\.77\.7 one call/);
    assert.doesNotMatch(warnings("v1.106.2", changes), /registered as http/);
  }
  // It speaks http to its adapter, and LiteLLM does not.
  assert.doesNotMatch(warnings("v1.77.7-stable", {}), /registered as http/);
});

test("no server of the catalogue that is on by default is registered as http", () => {
  const { servers, warnings } = loadSettings({ stackFile: STACK, config: local, secretNames: [], mcpDir: "mcp" });
  assert.ok(servers.some(({ name }) => name === "git"));
  assert.deepEqual(
    servers.filter(({ register }) => register === "http").map(({ name }) => name),
    [],
  );
  assert.deepEqual(warnings, []);
});

test("tools cost what the stack says, and otherwise nothing", () => {
  const cost = (time: object) =>
    load({ config: { servers: { time } } }).servers.find(({ name }) => name === "time")?.cost;
  assert.equal(cost({}), undefined);
  assert.deepEqual(cost({ costPerCall: 0.01 }), { perCall: 0.01, tools: {} });
  assert.deepEqual(cost({ toolCosts: { get_current_time: 0.25 } }), {
    perCall: undefined,
    tools: { get_current_time: 0.25 },
  });
});
