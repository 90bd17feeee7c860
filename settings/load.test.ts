import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import {
  ANY_TOOL,
  argsFor,
  IMAGE,
  inStack,
  KEY,
  load,
  message,
  refused,
  setSecret,
  STACK,
  timeTools,
  timeYaml,
  GIT_OVER_HTTP,
} from "../tests/small-stack.ts";
import { loadSettings } from "./load.ts";

const LAN =
  "the host's IPv4 address in the LAN: 10.x.x.x, 172.16-31.x.x, 192.168.x.x, or 127.0.0.1 for this machine only";

refused([
  inStack(
    "key without meaning",
    { dokcer: {} },
    "dokcer",
    KEY,
    "one of the keys docker, lan, gateway, postgres, existingNetworks, models, routing, redis, backup, scheduledCheck, monitoring, telemetry, guard, servers, clients, namePrefix, secrets",
  ),
  inStack(
    "key that every object has",
    { toString: {} },
    "toString",
    KEY,
    "one of the keys docker, lan, gateway, postgres, existingNetworks, models, routing, redis, backup, scheduledCheck, monitoring, telemetry, guard, servers, clients, namePrefix, secrets",
  ),
  inStack(
    "mcp_settings",
    { mcp_settings: {} },
    "mcp_settings",
    KEY,
    "leave it out: LiteLLM has no mcp_settings; every folder under mcp/ is a server",
  ),
  inStack(
    "virtual_keys",
    { virtual_keys: [] },
    "virtual_keys",
    KEY,
    "leave it out: LiteLLM keeps keys in its database only; litellm-mcp:clients makes one for each client",
  ),
  inStack(
    "secrets in plain text",
    { secrets: { openaiKey: "sk-1" } },
    "secrets",
    "values that are not encrypted",
    `a map of secrets: ${setSecret("NAME")}`,
  ),
  inStack(
    "encrypted value elsewhere",
    { namePrefix: Symbol("an encrypted value") },
    "namePrefix",
    "an encrypted value",
    'lower-case letters, digits and - with a - at the end, such as "lab-", or nothing',
  ),
  inStack(
    "no docker",
    { docker: undefined },
    "docker",
    "nothing",
    "a map with the keys host, knownHosts, identity, sshOptions",
  ),
  inStack(
    "docker over tcp",
    { docker: { host: "tcp://10.0.0.1:2375" } },
    "docker.host",
    '"tcp://10.0.0.1:2375"',
    "unix:///var/run/docker.sock for this machine, or ssh://user@host",
  ),
  inStack(
    "host that is an option of ssh",
    { docker: { host: "ssh://-oProxyCommand=x" } },
    "docker.host",
    '"ssh://-oProxyCommand=x"',
    "unix:///var/run/docker.sock for this machine, or ssh://user@host",
  ),
  inStack(
    "known hosts of a socket",
    { docker: { host: "unix:///d.sock", knownHosts: "/k" } },
    "docker.knownHosts",
    '"/k"',
    "leave it out: docker.host is a socket, not ssh://",
  ),
  inStack(
    "identity that is not there",
    { docker: { host: "ssh://root@server", identity: "/no/such/key" }, lan: { address: "10.0.0.5" } },
    "docker.identity",
    '"/no/such/key"',
    "a file that exists on this machine",
  ),
  inStack(
    "host key not checked",
    {
      docker: { host: "ssh://root@server", sshOptions: ["-o", "stricthostkeychecking=no"] },
      lan: { address: "10.0.0.5" },
    },
    "docker.sshOptions[1]",
    '"stricthostkeychecking=no"',
    "an option of ssh, word by word, other than StrictHostKeyChecking, which is always yes",
  ),
  ...["8.8.8.8", "0.0.0.0", "169.254.1.1", "100.64.0.1", "172.32.0.1", "linuxserver.lan", "fe80::1"].map((address) =>
    inStack(`address ${address}`, { lan: { address } }, "lan.address", `"${address}"`, LAN),
  ),
  inStack(
    "hostname with a scheme",
    { lan: { address: "10.0.0.5", hostname: "http://x" } },
    "lan.hostname",
    '"http://x"',
    "the host's name, such as linuxserver.lan",
  ),
  inStack(
    "image without tag",
    { postgres: { image: "registry:5000/postgres" } },
    "postgres.image",
    '"registry:5000/postgres"',
    IMAGE,
  ),
  inStack(
    "kind of Postgres",
    { postgres: { kind: "cloud" } },
    "postgres.kind",
    '"cloud"',
    "dedicated (a container of this stack) or existing",
  ),
  inStack(
    "existing Postgres on loopback",
    { postgres: { kind: "existing", host: "localhost" } },
    "postgres.host",
    '"localhost"',
    "an address or name that the containers reach too, not this machine's loopback",
    { secretNames: ["postgresAdminPassword"] },
  ),
  inStack(
    "existing Postgres without password",
    { postgres: { kind: "existing", host: "10.0.0.9" } },
    "secrets.postgresAdminPassword",
    "nothing",
    setSecret("postgresAdminPassword"),
  ),
  inStack(
    "sslmode",
    { postgres: { kind: "existing", host: "10.0.0.9", sslmode: "prefer" } },
    "postgres.sslmode",
    '"prefer"',
    "disable, require, verify-ca or verify-full",
  ),
  inStack(
    "image of an existing Postgres",
    { postgres: { kind: "existing", host: "10.0.0.9", image: "postgres:17.6" } },
    "postgres.image",
    KEY,
    "one of the keys kind, host, network, port, tunnelPort, adminUser, sslmode, protect, readOnly",
  ),
  inStack(
    "quoted role",
    { postgres: { readOnly: { role: "My Role" } } },
    "postgres.readOnly.role",
    '"My Role"',
    "a Postgres name: lower-case letters, digits and _, at most 63 characters",
  ),
  inStack(
    "tunnel to a socket",
    { postgres: { tunnelPort: 21000 } },
    "postgres.tunnelPort",
    "21000",
    "leave it out: docker.host is a socket, not ssh://",
  ),
  inStack(
    "image of a proxy",
    { postgres: { image: "registry.lan:5000/library/traefik:v3.1" } },
    "postgres.image",
    '"registry.lan:5000/library/traefik:v3.1"',
    "another image: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at its address and port",
  ),
  inStack(
    "secret of the program",
    {},
    "secrets.postgresReadOnlyUrl",
    "a secret",
    "another name: this program provides it",
    { secretNames: ["postgresReadOnlyUrl"] },
  ),
]);

test("missing secret of an enabled server is refused, of one that is off it is not asked for", () => {
  const files = timeYaml({ secrets: { TOKEN: "timeToken" } });
  assert.throws(() => load({ files }), {
    message: message([STACK, "litellm-mcp:secrets.timeToken", "nothing", setSecret("timeToken")]),
  });
  assert.equal(load({ files, config: { servers: { time: { enabled: false } } } }).servers.length, 2);
  assert.equal(load({ files, secretNames: ["timeToken"] }).servers.length, 3);
});

test("everything wrong is said at once, file by file", () => {
  const given = {
    config: {
      lan: { address: "8.8.8.8" },
      gateway: { port: "x", generalSettings: { static_headers: 1 } },
      servers: { time: { debugPort: 1 }, gti: {} },
      clients: { "test-key": { rpm: -1 }, phone: { servers: ["clock"] } },
    },
    files: { ...timeYaml({ description: undefined, extra_headers: [] }), "git/package-lock.json": "{}" },
  };
  assert.throws(() => load(given), {
    message: message(
      [STACK, "litellm-mcp:lan.address", '"8.8.8.8"', LAN],
      [STACK, "litellm-mcp:gateway.port", '"x"', "a port, 1 to 65535"],
      [STACK, "litellm-mcp:servers.time.debugPort", "1", "a port, 48000 to 48999"],
      [STACK, "litellm-mcp:clients.test-key.rpm", "-1", "requests a minute, a whole number from 1"],
      [STACK, "litellm-mcp:servers.gti", '"gti"', "the name of a folder under mcp/: git, postgres, time"],
      [STACK, "litellm-mcp:clients.phone.servers[0]", '"clock"', "one of the servers git, postgres"],
      [STACK, "litellm-mcp:gateway.generalSettings.static_headers", "1", "leave it out: LiteLLM 1.77.3 ignores it"],
      [
        "mcp/git/package-lock.json",
        "@example/git",
        "no such package",
        "version 1.2.3 as in mcp/git/server.yaml: run `npm run lock -- git`",
      ],
      ["mcp/time/server.yaml", "description", "nothing", "one line that says what the server does"],
      [
        "mcp/time/server.yaml",
        "extra_headers",
        KEY,
        "headers in server.yaml, a map from a header's name to the name of the secret that has its value",
      ],
    ),
  });
});

test("two required keys are enough", () => {
  const args = argsFor({});
  const settings = loadSettings(args);
  const { servers, ...rest } = settings;
  assert.deepEqual(rest, {
    docker: { host: "unix:///var/run/docker.sock", sshOpts: [] },
    lan: { address: "127.0.0.1", hostname: "127.0.0.1" },
    gateway: {
      image: "ghcr.io/berriai/litellm:v1.77.3-stable",
      version: "1.77.3",
      port: 4000,
      adminPort: 4001,
      url: "http://127.0.0.1:4000",
      memoryMiB: 2048,
      debug: false,
      audit: { results: false, days: 90, mib: 1024 },
      bodyMiB: 8,
      storePrompts: false,
      spendDays: 90,
      generalSettings: {},
      litellmSettings: {},
      secretEnv: {},
    },
    postgres: {
      kind: "dedicated",
      image: "postgres:17.6-trixie",
      port: 5432,
      protect: false,
      memoryMiB: 512,
      localPort: 5432,
      readOnly: {
        role: "mcp_readonly",
        database: "mcp_db",
        create: true,
        schemas: ["public"],
        owners: [],
        extensions: ["pg_stat_statements", "hypopg"],
      },
    },
    models: [
      {
        name: "mock",
        params: {
          model: "openai/mock",
          api_key: "none",
          mock_response: "MOCK-OK",
          input_cost_per_token: 0,
          output_cost_per_token: 0,
        },
        paramsFromEnv: {},
      },
    ],
    routing: undefined,
    redis: undefined,
    backup: undefined,
    scheduledCheck: {
      minutes: 15,
      alert: undefined,
      container: "scheduled-check",
      volume: "scheduled-check-state",
      client: {
        name: "scheduled-check",
        // The others of this stack name no check.
        servers: ["time"],
        rules: { time: { allow: ["get_current_time"], deny: [] } },
        models: [],
        rpm: undefined,
        parallel: 8,
        tpm: undefined,
        budget: undefined,
        budgetPeriod: undefined,
      },
    },
    monitoring: undefined,
    telemetry: undefined,
    guard: undefined,
    clients: [
      {
        name: "test-key",
        servers: ["git", "postgres", "time"],
        rules: { git: ANY_TOOL, postgres: ANY_TOOL, time: ANY_TOOL },
        models: ["mock"],
        rpm: undefined,
        parallel: 32,
        tpm: undefined,
        budget: undefined,
        budgetPeriod: undefined,
      },
    ],
    namePrefix: "",
    names: {
      containers: { ingress: "ingress", litellm: "litellm", postgres: "postgres" },
      networks: {
        mcp: "litellm-mcp-net",
        postgres: "postgres-net",
        lan: "litellm-lan-net",
        egress: "mcp-egress-net",
        ingress: "litellm-ingress-net",
      },
      volumes: { ingressState: "ingress-state", ingressAudit: "ingress-audit", postgresData: "postgres-data" },
    },
    existingNetworks: {},
    publishedPorts: [
      {
        setting: "litellm-mcp:gateway.port",
        address: "127.0.0.1",
        port: 4000,
        container: "ingress",
        formerContainer: "litellm",
      },
      { setting: "litellm-mcp:gateway.adminPort", address: "127.0.0.1", port: 4001, container: "litellm" },
      { setting: "litellm-mcp:postgres.port", address: "127.0.0.1", port: 5432, container: "postgres" },
    ],
    warnings: [GIT_OVER_HTTP],
  });
  const [gitServer, postgresServer, timeServer] = servers;
  assert.deepEqual(timeServer, {
    name: "time",
    description: "Tells the time",
    folder: path.join(args.mcpDir, "time"),
    source: { kind: "wrapped", runtime: "python", isOwnProgram: false, builtPackages: [] },
    command: ["mcp-server-time", "--local-timezone", "UTC"],
    adapter: {
      container: "mcp-time",
      tokenEnv: "MCP_TOKEN_time",
      upstream: undefined,
      callSeconds: 120,
      toolSeconds: {},
      callsAtOnce: 16,
      callsWaiting: 64,
      questionMiB: 4,
      answerMiB: 8,
    },
    register: "sse",
    host: "mcp-time",
    container: "mcp-time",
    port: 8000,
    url: "http://mcp-time:8000/sse",
    env: {},
    secrets: {},
    bearerTokenEnv: "MCP_TOKEN_time",
    egress: false,
    lanAddresses: undefined,
    postgres: false,
    dataVolume: undefined,
    accessGroups: ["basics"],
    mounts: [],
    risks: [],
    memoryMiB: 256,
    processes: 128,
    writableTmpMiB: 64,
    healthcheck: "none",
    debugPort: undefined,
    toolLock: timeTools,
    check: { tool: "get_current_time", arguments: { timezone: "UTC" }, expect: "UTC" },
    cost: undefined,
  });
  assert.equal(gitServer?.url, "http://mcp-git:8000/mcp");
  assert.deepEqual(gitServer?.source, { kind: "wrapped", runtime: "npm", isOwnProgram: false, builtPackages: [] });
  assert.equal(postgresServer?.url, "http://mcp-postgres:8000/sse");
  assert.deepEqual(postgresServer?.source, { kind: "native", image: "example/postgres-mcp:0.3.0" });
  assert.equal(postgresServer?.healthcheck, "python");
  assert.equal(postgresServer?.toolLock, undefined);
});

test("the prefix is before every name, and only what the stack runs publishes a port", () => {
  const { names, servers, publishedPorts } = load({
    config: {
      namePrefix: "lab-",
      lan: { address: "192.168.1.10" },
      gateway: { port: 4010 },
      servers: { time: { debugPort: 48001 }, git: { enabled: false, debugPort: 48002 } },
    },
    files: timeYaml({ data: true }),
  });
  const all = [names.containers, names.networks, names.volumes].flatMap((group) => Object.values<string>(group));
  for (const name of all) assert.match(name, /^lab-/);
  assert.deepEqual(
    servers.map(({ host, container, dataVolume }) => ({ host, container, dataVolume })),
    [
      { host: "mcp-postgres", container: "lab-mcp-postgres", dataVolume: undefined },
      { host: "mcp-time", container: "lab-mcp-time", dataVolume: "lab-mcp-time-data" },
    ],
  );
  assert.deepEqual(
    publishedPorts.map(({ address, port, container }) => `${address}:${port} ${container}`),
    [
      "192.168.1.10:4010 lab-ingress",
      "127.0.0.1:4010 lab-ingress",
      "127.0.0.1:4011 lab-litellm",
      "127.0.0.1:5432 lab-postgres",
      "192.168.1.10:48001 lab-mcp-time",
    ],
  );
});

test("over ssh, Postgres is reached by a tunnel whose port is always the same", () => {
  const port = (docker: string, postgres: Record<string, unknown> = {}) => {
    const loaded = load({ config: { docker: { host: docker }, lan: { address: "10.0.0.5" }, postgres } }).postgres;
    return loaded.kind === "dedicated" && loaded.localPort;
  };
  assert.equal(port("ssh://me@server"), 21464);
  assert.notEqual(port("ssh://me@server", { port: 5433 }), 21464);
  assert.notEqual(port("ssh://me@other"), 21464);
  assert.equal(port("ssh://me@server", { tunnelPort: 21000 }), 21000);
});

test("an existing Postgres server", () => {
  const { postgres } = load({
    config: { postgres: { kind: "existing", host: "10.0.0.9" } },
    secretNames: ["postgresAdminPassword"],
  });
  assert.deepEqual(postgres, {
    kind: "existing",
    host: "10.0.0.9",
    port: 5432,
    adminUser: "postgres",
    network: undefined,
    sslmode: undefined,
    protect: true,
    adminPasswordSecret: "postgresAdminPassword",
    readOnly: {
      role: "mcp_readonly",
      database: "mcp_db",
      create: true,
      schemas: ["public"],
      owners: [],
      extensions: [],
    },
  });
});

test("a server over SSH", () => {
  const { docker, gateway, lan } = load({
    config: {
      docker: { host: "ssh://me@linuxserver.lan:2222" },
      lan: { address: "192.168.1.10", hostname: "linuxserver.lan" },
    },
  });
  assert.equal(docker.host, "ssh://me@linuxserver.lan:2222");
  assert(docker.sshOpts.includes("StrictHostKeyChecking=yes"));
  assert.deepEqual(lan, { address: "192.168.1.10", hostname: "linuxserver.lan" });
  assert.equal(gateway.url, "http://linuxserver.lan:4000");
});
