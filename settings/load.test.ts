import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import type { LoadArgs } from "./context.ts";
import { loadSettings } from "./load.ts";
import { SettingsError } from "./problems.ts";

const STACK = "Pulumi.test.yaml";
const temporary = mkdtempSync(path.join(tmpdir(), "settings-"));
after(() => rmSync(temporary, { recursive: true }));

type Files = Record<string, string>;

const time = {
  description: "Tells the time",
  source: { pypi: "mcp-server-time", version: "2026.10.19", command: ["mcp-server-time", "--local-timezone", "UTC"] },
  transport: { kind: "stdio" },
  accessGroups: ["basics"],
  check: { tool: "get_current_time", arguments: { timezone: "UTC" }, expect: "UTC" },
};
const timeLock = "mcp-server-time==2026.10.19 \\\n    --hash=sha256:0000\n";
const HASH = `sha256:${"0".repeat(64)}`;
const timeTools = { get_current_time: { description: "The time now", inputSchema: HASH } };
const git = {
  description: "Reads repositories",
  source: { npm: "@example/git", version: "1.2.3", command: ["git-server"] },
  transport: { kind: "stdio" },
  register: "http",
  mounts: [{ name: "repositories", target: "/repositories" }],
};
const gitLock = JSON.stringify({ packages: { "node_modules/@example/git": { version: "1.2.3" } } });
const database = {
  description: "Reads Postgres",
  source: { image: "example/postgres-mcp:0.3.0", command: ["--transport=sse"] },
  transport: { kind: "sse", port: 8000, sdk: "python" },
  secrets: { DATABASE_URI: "postgresReadOnlyUrl" },
  postgres: true,
  healthcheck: "python",
};

const goodFolders: Files = {
  "_wrapper/Dockerfile": "FROM scratch\n",
  "time/server.yaml": stringify(time),
  "time/requirements.txt": timeLock,
  "time/tools.lock.json": JSON.stringify(timeTools),
  "git/server.yaml": stringify(git),
  "git/package-lock.json": gitLock,
  "postgres/server.yaml": stringify(database),
};
const local = { docker: { host: "unix:///var/run/docker.sock" }, lan: { address: "127.0.0.1" } };

let count = 0;
function folders(files: Files): string {
  const mcpDir = path.join(temporary, String(count++), "mcp");
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(mcpDir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  mkdirSync(mcpDir, { recursive: true });
  return mcpDir;
}

interface Case {
  readonly config?: Record<string, unknown>;
  readonly files?: Files;
  readonly secretNames?: readonly string[];
}

const argsFor = ({ config = {}, files = {}, secretNames = [] }: Case): LoadArgs => ({
  stackFile: STACK,
  config: { ...local, ...config },
  secretNames,
  mcpDir: folders({ ...goodFolders, ...files }),
});
const load = (given: Case) => loadSettings(argsFor(given));

/** A message as it reaches the user, from `[file, path, found, write]` of each problem. */
const message = (...problems: readonly (readonly [string, string, string, string])[]) =>
  `${problems.length === 1 ? "1 problem" : `${problems.length} problems`} in the settings, nothing was changed:\n\n` +
  problems.map(([file, at, found, write]) => `${file}: ${at}\n    found: ${found}\n    write: ${write}\n`).join("\n");

const timeYaml = (changes: Record<string, unknown>) => ({ "time/server.yaml": stringify({ ...time, ...changes }) });
const databaseYaml = (changes: Record<string, unknown>) => ({
  "postgres/server.yaml": stringify({ ...database, ...changes }),
});
const HIDDEN = "a text that is not shown here";
const KEY = "a key that nothing reads";
const LOCK = "bring the file back as `npm run tools -- approve` wrote it";
const IMAGE = "an image with a fixed tag or digest, such as name:1.2.3 or name@sha256:…; tags such as latest move";
const LAN =
  "the host's IPv4 address in the LAN: 10.x.x.x, 172.16-31.x.x, 192.168.x.x, or 127.0.0.1 for this machine only";
const NO_VARIABLES = "the container has no variables of yours";

const inStack = (
  title: string,
  config: Record<string, unknown>,
  at: string,
  found: string,
  write: string,
  more: Case = {},
) => ({ title, given: { ...more, config }, expected: [STACK, `litellm-mcp:${at}`, found, write] }) as const;
const inFile = (title: string, files: Files, file: string, at: string, found: string, write: string, more: Case = {}) =>
  ({ title, given: { ...more, files }, expected: [`mcp/${file}`, at, found, write] }) as const;

const setSecret = (name: string) => `\`pulumi config set --secret --path 'litellm-mcp:secrets.${name}'\``;

const bad = [
  inStack(
    "key without meaning",
    { dokcer: {} },
    "dokcer",
    KEY,
    "one of the keys docker, lan, gateway, postgres, models, servers, clients, namePrefix, secrets",
  ),
  inStack(
    "key that every object has",
    { toString: {} },
    "toString",
    KEY,
    "one of the keys docker, lan, gateway, postgres, models, servers, clients, namePrefix, secrets",
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
    "image tag latest",
    { gateway: { image: "ghcr.io/berriai/litellm:latest", version: "1.77.3" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:latest"',
    IMAGE,
  ),
  inStack(
    "image tag main-latest",
    { gateway: { image: "ghcr.io/berriai/litellm:main-latest" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:main-latest"',
    IMAGE,
  ),
  inStack(
    "image without tag",
    { postgres: { image: "registry:5000/postgres" } },
    "postgres.image",
    '"registry:5000/postgres"',
    IMAGE,
  ),
  inStack(
    "tag that does not say the version",
    { gateway: { image: "litellm:mine" } },
    "gateway.version",
    "nothing",
    'LiteLLM\'s version, such as "1.77.3": the image litellm:mine does not say it',
  ),
  inStack(
    "version against the tag",
    { gateway: { version: "1.80.0" } },
    "gateway.version",
    '"1.80.0"',
    "leave it out: the image's tag says 1.77.3",
  ),
  inStack(
    "version that was not looked at",
    { gateway: { image: "ghcr.io/berriai/litellm:v1.74.0-stable" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:v1.74.0-stable"',
    "LiteLLM 1.77.3 or newer",
  ),
  inStack("port", { gateway: { port: 70000 } }, "gateway.port", "70000", "a port, 1 to 65535"),
  inStack(
    "unknown gateway key",
    { gateway: { prot: 1 } },
    "gateway.prot",
    KEY,
    "one of the keys image, version, port, adminPort, memory, auditResults, auditDays, auditMiB, bodyMiB, storePrompts, spendDays, generalSettings, litellmSettings",
  ),
  inStack(
    "general setting that does not exist",
    { gateway: { generalSettings: { log_everything: true } } },
    "gateway.generalSettings.log_everything",
    "true",
    "leave it out: LiteLLM 1.77.3 ignores it",
  ),
  inStack(
    "general setting that came later",
    { gateway: { generalSettings: { use_shared_health_check: true } } },
    "gateway.generalSettings.use_shared_health_check",
    "true",
    "leave it out: LiteLLM 1.77.3 ignores it, it works from 1.78.0",
  ),
  inStack(
    "general setting of the program",
    { gateway: { generalSettings: { master_key: "sk-1" } } },
    "gateway.generalSettings.master_key",
    HIDDEN,
    "leave it out: this program writes it",
  ),
  inStack(
    "general setting under its documented name",
    { gateway: { generalSettings: { database_connection_timeout: 5 } } },
    "gateway.generalSettings.database_connection_timeout",
    "5",
    "database_connection_pool_timeout, the name that LiteLLM reads",
  ),
  inStack(
    "Enterprise setting",
    { gateway: { generalSettings: { allowed_ips: [] } } },
    "gateway.generalSettings.allowed_ips",
    "[]",
    "leave it out: it needs a LiteLLM Enterprise licence",
  ),
  inStack(
    "litellm setting that does not exist",
    { gateway: { litellmSettings: { constructor: 1 } } },
    "gateway.litellmSettings.constructor",
    "1",
    "leave it out: LiteLLM 1.77.3 ignores it",
  ),
  inStack(
    "callbacks",
    { gateway: { litellmSettings: { callbacks: ["mine.hook"] } } },
    "gateway.litellmSettings.callbacks",
    '["mine.hook"]',
    "leave it out: success_callback and failure_callback take the names of callbacks",
  ),
  inStack(
    "Prometheus",
    { gateway: { litellmSettings: { success_callback: ["otel", "prometheus"] } } },
    "gateway.litellmSettings.success_callback[1]",
    '"prometheus"',
    "leave it out: the prometheus callback needs a LiteLLM Enterprise licence",
  ),
  inStack(
    "budget without duration",
    { gateway: { litellmSettings: { max_budget: 5 } } },
    "gateway.litellmSettings.budget_duration",
    "nothing",
    "a duration such as 30d: with max_budget alone LiteLLM does not start",
  ),
  inStack(
    "variable in a setting",
    { gateway: { litellmSettings: { cache_params: { hosts: ["${REDIS}"] } } } },
    "gateway.litellmSettings.cache_params.hosts[0]",
    '"${REDIS}"',
    `a plain value: ${NO_VARIABLES}`,
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
    "one of the keys kind, host, port, adminUser, sslmode, protect, readOnly",
  ),
  inStack(
    "quoted role",
    { postgres: { readOnly: { role: "My Role" } } },
    "postgres.readOnly.role",
    '"My Role"',
    "a Postgres name: lower-case letters, digits and _, at most 63 characters",
  ),

  inStack(
    "model without model",
    { models: [{ name: "a", params: {} }] },
    "models[0].params.model",
    "nothing",
    "provider and model, such as openai/gpt-5",
  ),
  inStack(
    "two models of one name",
    { models: ["a", "a"].map((name) => ({ name, params: { model: "openai/x" } })) },
    "models[1].name",
    '"a"',
    "a name that no other model has",
  ),
  inStack(
    "key of a model in plain text",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "sk-live-1" } }] },
    "models[0].params.api_key",
    "a secret in plain text",
    `secrets: { api_key: NAME } beside params, and ${setSecret("NAME")}; none where no key is needed`,
  ),
  inStack(
    "variable in a model",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "os.environ/KEY" } }] },
    "models[0].params.api_key",
    HIDDEN,
    `secrets: { api_key: NAME } beside params, or a plain value: ${NO_VARIABLES}`,
  ),
  inStack(
    "secret of a model missing",
    { models: [{ name: "a", params: { model: "openai/x" }, secrets: { api_key: "openaiKey" } }] },
    "secrets.openaiKey",
    "nothing",
    setSecret("openaiKey"),
  ),
  inStack(
    "parameter twice",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "none" }, secrets: { api_key: "k" } }] },
    "models[0].params.api_key",
    HIDDEN,
    "api_key in params or in secrets, not in both",
    { secretNames: ["k"] },
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
    "one of the keys enabled, mounts, debugPort, env, secrets, acceptRisks, egress",
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
    "two servers on one port",
    { servers: { git: { debugPort: 48001 }, time: { debugPort: 48001 } } },
    "servers.time.debugPort",
    "48001",
    "another port: litellm-mcp:servers.git.debugPort has this one",
  ),
  inStack(
    "LiteLLM's own port on the gateway's",
    { gateway: { port: 4010, adminPort: 4010 } },
    "gateway.adminPort",
    "4010",
    "another port: litellm-mcp:gateway.port has this one",
  ),
  inStack(
    "LiteLLM's own port, left out, on Postgres's",
    { gateway: { port: 5431 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.adminPort has this one",
  ),
  inStack(
    "no port left for LiteLLM itself",
    { gateway: { port: 65535 } },
    "gateway.adminPort",
    "nothing",
    "a port, 1 to 65535: gateway.port + 1 is none",
  ),
  inStack(
    "tunnel to a socket",
    { postgres: { tunnelPort: 21000 } },
    "postgres.tunnelPort",
    "21000",
    "leave it out: docker.host is a socket, not ssh://",
  ),
  inStack(
    "gateway on Postgres's port",
    { gateway: { port: 5432 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.port has this one",
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
    "image of a proxy",
    { postgres: { image: "registry.lan:5000/library/traefik:v3.1" } },
    "postgres.image",
    '"registry.lan:5000/library/traefik:v3.1"',
    "another image: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at its address and port",
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
    "no test-key",
    { clients: { phone: {} } },
    "clients.test-key",
    "nothing",
    "test-key: {}, the client that every stack has",
  ),
  inStack(
    "client's name",
    { clients: { "test-key": {}, My_Phone: {} } },
    "clients",
    '"My_Phone"',
    "a client's name: lower-case letters, digits and -, beginning with a letter",
  ),
  inStack(
    "tool that the server does not have",
    { clients: { "test-key": { tools: { time: { deny: ["convert_tme"] } } } } },
    "clients.test-key.tools.time.deny[0]",
    '"convert_tme"',
    "one of its tools: get_current_time",
  ),
  inStack(
    "tools of a server that is not the client's",
    { clients: { "test-key": {}, phone: { servers: ["time"], tools: { git: { allow: ["git_log"] } } } } },
    "clients.phone.tools.git",
    '"git"',
    "one of the servers this client may use: time",
  ),
  inStack(
    "client of no server",
    { clients: { "test-key": { servers: ["time", "clock"] } } },
    "clients.test-key.servers[1]",
    '"clock"',
    "one of the servers git, postgres, time",
  ),
  inStack(
    "client of a server that is off",
    { clients: { "test-key": { servers: ["time"] } }, servers: { time: { enabled: false } } },
    "clients.test-key.servers[0]",
    '"time"',
    "a server that is enabled on this stack; litellm-mcp:servers.time.enabled turns it on",
  ),
  inStack(
    "client of no group",
    { clients: { "test-key": { groups: ["basic"] } } },
    "clients.test-key.groups[0]",
    '"basic"',
    "a group of an enabled server: basics",
  ),
  inStack(
    "client of no model",
    { clients: { "test-key": { models: ["gpt"] } } },
    "clients.test-key.models[0]",
    '"gpt"',
    "one of the models mock",
  ),
  inStack(
    "empty list, which LiteLLM takes for all",
    { clients: { "test-key": { servers: [] } } },
    "clients.test-key.servers",
    "[]",
    "a list of servers; left out together with groups: all of them",
  ),
  inStack(
    "budget",
    { clients: { "test-key": { budget: 0 } } },
    "clients.test-key.budget",
    "0",
    "USD, a number above 0",
  ),
  inStack(
    "secret of the program",
    {},
    "secrets.postgresReadOnlyUrl",
    "a secret",
    "another name: this program provides it",
    { secretNames: ["postgresReadOnlyUrl"] },
  ),

  inFile(
    "folder's name with -",
    { "my-time/server.yaml": stringify({ ...time, enabled: false }) },
    "my-time/server.yaml",
    "(folder)",
    '"my-time"',
    "a folder's name of lower-case letters, digits and _, beginning with a letter: LiteLLM refuses -",
  ),
  inFile(
    "shadowed name",
    { "sse/server.yaml": stringify({ ...time, enabled: false }) },
    "sse/server.yaml",
    "(folder)",
    '"sse"',
    "another name: LiteLLM has pages of its own at enabled, docs, redoc, sse, tools, openapi",
  ),
  inFile(
    "folder without server.yaml",
    { "empty/README.md": "" },
    "empty/server.yaml",
    "(file)",
    "nothing",
    "a server.yaml in this folder, or remove the folder",
  ),
  inFile(
    "YAML that is none",
    { "time/server.yaml": "description: x\naccessGroups: [a\n" },
    "time/server.yaml",
    "line 3, column 1",
    "Flow sequence in block collection must be sufficiently indented and end with a ]",
    "valid YAML",
  ),
  inFile(
    "key twice",
    { "time/server.yaml": `${stringify(time)}check: {}\n` },
    "time/server.yaml",
    "line 18, column 1",
    "Map keys must be unique",
    "valid YAML",
  ),
  inFile(
    "empty file",
    { "time/server.yaml": "" },
    "time/server.yaml",
    "(file)",
    "null",
    "a map with the keys description, enabled, source, transport, register, env, secrets, required, bearerToken, egress, postgres, accessGroups, data, mounts, risks, limits, healthcheck, check",
  ),
  inFile(
    "allowed_tools",
    timeYaml({ allowed_tools: ["x"] }),
    "time/server.yaml",
    "allowed_tools",
    KEY,
    "leave it out: LiteLLM reads it from 1.77.7 on, but this program never writes it",
  ),
  inFile(
    "static_headers",
    timeYaml({ static_headers: {} }),
    "time/server.yaml",
    "static_headers",
    KEY,
    "leave it out: LiteLLM reads it from 1.79.0 on, but this program never writes it",
  ),
  inFile(
    "headers",
    timeYaml({ headers: {} }),
    "time/server.yaml",
    "headers",
    KEY,
    "leave it out: LiteLLM sends no headers of yours to a server; give the server its secret by `secrets`",
  ),
  inFile(
    "http for a TypeScript server",
    databaseYaml({ transport: { kind: "http", port: 8000, sdk: "typescript" } }),
    "postgres/server.yaml",
    "transport.kind",
    '"http"',
    "sse if the server offers it, or its npm package with transport: { kind: stdio }: LiteLLM 1.77.3 finds no tools in TypeScript servers over http, it does from 1.77.7",
  ),
  inFile(
    "http without SDK",
    databaseYaml({ transport: { kind: "http", port: 8000 } }),
    "postgres/server.yaml",
    "transport.sdk",
    "nothing",
    "the SDK the server is made with: python, typescript or go",
  ),
  inFile(
    "unknown transport",
    timeYaml({ transport: { kind: "websocket" } }),
    "time/server.yaml",
    "transport.kind",
    '"websocket"',
    "stdio, sse or http",
  ),
  inFile(
    "no transport",
    timeYaml({ transport: undefined }),
    "time/server.yaml",
    "transport",
    "nothing",
    "a map with kind: stdio, sse or http",
  ),
  inFile(
    "package that speaks sse",
    timeYaml({ transport: { kind: "sse", port: 8000 } }),
    "time/server.yaml",
    "transport.kind",
    '"sse"',
    "stdio: a package from pypi runs behind the wrapper, register says sse or http",
  ),
  inFile(
    "image over stdio",
    databaseYaml({ transport: { kind: "stdio" } }),
    "postgres/server.yaml",
    "transport.kind",
    '"stdio"',
    "sse or http with a port: an image has to speak one of them by itself; for stdio use pypi or npm",
  ),
  inFile(
    "register of an image",
    databaseYaml({ register: "sse" }),
    "postgres/server.yaml",
    "register",
    '"sse"',
    "leave it out: LiteLLM uses what transport.kind says",
  ),
  inFile(
    "healthcheck of a package",
    timeYaml({ healthcheck: "python" }),
    "time/server.yaml",
    "healthcheck",
    '"python"',
    "leave it out: the wrapper has its own healthcheck",
  ),
  inFile(
    "image without healthcheck",
    databaseYaml({ healthcheck: undefined }),
    "postgres/server.yaml",
    "healthcheck",
    "nothing",
    "python if the image has python3, otherwise none",
  ),
  inStack(
    "variable that only the stack knows",
    {},
    "servers.time.env.SERVER_ADDRESS",
    "nothing",
    "address of the time server",
    { files: timeYaml({ required: { SERVER_ADDRESS: "address of the time server" } }) },
  ),
  inFile(
    "variable that is required and there",
    timeYaml({ required: { TZ: "a zone" }, env: { TZ: "UTC" } }),
    "time/server.yaml",
    "required.TZ",
    "TZ",
    "TZ in one of env, secrets and required",
    { config: { servers: { time: { enabled: false } } } },
  ),
  inStack("token of an image that is missing", {}, "secrets.databaseToken", "nothing", setSecret("databaseToken"), {
    files: databaseYaml({ bearerToken: "databaseToken" }),
  }),
  inFile(
    "token of a package",
    timeYaml({ bearerToken: "timeToken" }),
    "time/server.yaml",
    "bearerToken",
    HIDDEN,
    "leave it out: the wrapper asks nobody for a token",
    { secretNames: ["timeToken"] },
  ),
  inFile(
    "data of an image",
    databaseYaml({ data: true }),
    "postgres/server.yaml",
    "data",
    "true",
    "leave it out: /data is the wrapper's, an image has paths of its own",
  ),
  inFile(
    "processes of an image",
    databaseYaml({ limits: { pids: 64 } }),
    "postgres/server.yaml",
    "limits.pids",
    "64",
    "leave it out: only wrapped servers have this limit",
  ),
  inFile(
    "two sources",
    timeYaml({ source: { ...time.source, npm: "x" } }),
    "time/server.yaml",
    "source",
    '{"pypi":"mcp-server-time","version":"2026.10.19","command":["mcp-server-time","--local-timezone","UT…',
    "exactly one of pypi, npm and image",
  ),
  inFile(
    "package without version",
    timeYaml({ source: { pypi: "x", command: ["x"] } }),
    "time/server.yaml",
    "source.version",
    "nothing",
    "the version of the package, such as 2026.8.31",
  ),
  inFile(
    "package without command",
    timeYaml({ source: { pypi: "x", version: "1.0.0" } }),
    "time/server.yaml",
    "source.command",
    "nothing",
    "the words that start the server, such as [mcp-server-time]",
  ),
  inFile(
    "version of an image",
    databaseYaml({ source: { ...database.source, version: "1.0.0" } }),
    "postgres/server.yaml",
    "source.version",
    '"1.0.0"',
    "leave it out: the tag of the image says it",
  ),
  inFile(
    "version that YAML takes for a number",
    timeYaml({ source: { ...time.source, version: 1.1 } }),
    "time/server.yaml",
    "source.version",
    "1.1",
    'one exact version, in quotes where it looks like a number, such as "1.10"',
  ),
  inFile(
    "word of a command that is a number",
    timeYaml({ source: { ...time.source, command: ["x", 8000] } }),
    "time/server.yaml",
    "source.command[1]",
    "8000",
    "text; put numbers, true and false in quotes",
  ),
  inFile(
    "image of a server with a moving tag",
    databaseYaml({ source: { image: "example/x:latest" } }),
    "postgres/server.yaml",
    "source.image",
    '"example/x:latest"',
    IMAGE,
  ),
  inFile(
    "variable as env and secret",
    databaseYaml({ env: { DATABASE_URI: "x" } }),
    "postgres/server.yaml",
    "env.DATABASE_URI",
    HIDDEN,
    "DATABASE_URI in env or in secrets, not in both",
  ),
  inFile(
    "database's address without its network",
    databaseYaml({ postgres: false }),
    "postgres/server.yaml",
    "postgres",
    "false",
    "true: DATABASE_URI is the address of Postgres, which only servers with postgres: true reach",
  ),
  inFile(
    "group with a server's name",
    timeYaml({ accessGroups: ["git"] }),
    "time/server.yaml",
    "accessGroups[0]",
    '"git"',
    "a group whose name is not that of a server",
  ),
  inFile(
    "two mounts on one target",
    { "git/server.yaml": stringify({ ...git, mounts: [...git.mounts, { name: "more", target: "/repositories" }] }) },
    "git/server.yaml",
    "mounts[1].target",
    '"/repositories"',
    "a target that no other mount has",
  ),
  inFile(
    "check of an unlisted tool",
    timeYaml({ check: { tool: "now", expect: "x" } }),
    "time/server.yaml",
    "check.tool",
    '"now"',
    "one of its tools: get_current_time",
  ),
  inFile(
    "lock of tools that is no JSON",
    { "time/tools.lock.json": "<<<<<<< ours" },
    "time/tools.lock.json",
    "(file)",
    `Unexpected token '<', "<<<<<<< ours" is not valid JSON`,
    "the JSON that `npm run tools -- approve time` writes",
  ),
  inFile(
    "lock of tools with another hash",
    { "time/tools.lock.json": JSON.stringify({ get_current_time: { description: "", inputSchema: "md5:0" } }) },
    "time/tools.lock.json",
    "get_current_time.inputSchema",
    '"md5:0"',
    LOCK,
  ),
  inFile(
    "lock of tools with more in it",
    { "time/tools.lock.json": JSON.stringify({ get_current_time: { ...timeTools.get_current_time, title: "x" } }) },
    "time/tools.lock.json",
    "get_current_time.title",
    KEY,
    "one of the keys description, inputSchema",
  ),
  inFile(
    "lock of tools that is a list",
    { "time/tools.lock.json": "[]" },
    "time/tools.lock.json",
    "(file)",
    "[]",
    `a map from tool to description and inputSchema: ${LOCK}`,
  ),
  inFile(
    "no lock",
    { "clock/server.yaml": stringify(time) },
    "clock/requirements.txt",
    "(file)",
    "nothing",
    "run `npm run lock -- clock`: packages are only installed from a package lock",
  ),
  inFile(
    "lock of another version",
    { "time/requirements.txt": "Mcp_Server.Time==2026.1.1\n" },
    "time/requirements.txt",
    "mcp-server-time",
    "version 2026.1.1",
    "version 2026.10.19 as in mcp/time/server.yaml: run `npm run lock -- time`",
  ),
  inFile(
    "lock without the package",
    { "git/package-lock.json": "{}" },
    "git/package-lock.json",
    "@example/git",
    "no such package",
    "version 1.2.3 as in mcp/git/server.yaml: run `npm run lock -- git`",
  ),
];

for (const { title, given, expected } of bad) {
  test(`refused: ${title}`, () => {
    assert.throws(
      () => load(given),
      (error) => {
        assert(error instanceof SettingsError, String(error));
        assert.equal(error.message, message(expected));
        return true;
      },
    );
  });
}

test("a lock that is no JSON is refused", () => {
  assert.throws(
    () => load({ files: { "git/package-lock.json": "{" } }),
    /mcp\/git\/package-lock\.json: \(file\)\n {4}found: .*JSON.*\n {4}write: run `npm run lock -- git`/,
  );
});

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
        "leave it out: LiteLLM reads it from 1.77.7 on, but this program never writes it",
      ],
    ),
  });
});

const ANY_TOOL = { allow: null, deny: [] };

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
      readOnly: { role: "mcp_readonly", database: "mcp_db", create: true, schemas: ["public"] },
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
    clients: [
      {
        name: "test-key",
        servers: ["git", "postgres", "time"],
        rules: { git: ANY_TOOL, postgres: ANY_TOOL, time: ANY_TOOL },
        models: ["mock"],
        rpm: undefined,
        parallel: 32,
        budget: undefined,
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
    warnings: [
      "`git` is registered as http: on LiteLLM 1.77.3 one call to it while it is down can lock /mcp/ for all servers until the healthcheck restarts the gateway.",
    ],
  });
  const [gitServer, postgresServer, timeServer] = servers;
  assert.deepEqual(timeServer, {
    name: "time",
    description: "Tells the time",
    folder: path.join(args.mcpDir, "time"),
    source: { kind: "wrapped", runtime: "python", package: "mcp-server-time", version: "2026.10.19" },
    command: ["mcp-server-time", "--local-timezone", "UTC"],
    register: "sse",
    host: "mcp-time",
    container: "mcp-time",
    port: 8000,
    path: "/sse",
    url: "http://mcp-time:8000/sse",
    transport: { kind: "stdio" },
    env: {},
    secrets: {},
    bearerTokenEnv: undefined,
    egress: false,
    postgres: false,
    dataVolume: undefined,
    accessGroups: ["basics"],
    mounts: [],
    risks: [],
    memoryMiB: 256,
    processes: 128,
    writableTmpMiB: 64,
    healthcheck: "image",
    debugPort: undefined,
    toolLock: timeTools,
    check: { tool: "get_current_time", arguments: { timezone: "UTC" }, expect: "UTC" },
  });
  assert.equal(gitServer?.url, "http://mcp-git:8000/mcp");
  assert.deepEqual(gitServer?.source, { kind: "wrapped", runtime: "npm", package: "@example/git", version: "1.2.3" });
  assert.equal(postgresServer?.url, "http://mcp-postgres:8000/sse");
  assert.deepEqual(postgresServer?.source, { kind: "native", image: "example/postgres-mcp:0.3.0" });
  assert.equal(postgresServer?.healthcheck, "python");
  assert.equal(postgresServer?.toolLock, undefined);
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
  assert.match(warnings.at(-1) ?? "", /^`time` is published on port 48001/);
});

test("a client's groups become servers, and nothing stays implicit", () => {
  const { clients } = load({
    config: {
      models: ["a", "b"].map((name) => ({ name, params: { model: "openai/x" } })),
      clients: {
        "test-key": null,
        phone: {
          groups: ["basics"],
          servers: ["postgres"],
          tools: { postgres: { deny: ["execute_sql"] } },
          models: ["b"],
          rpm: "60",
          parallel: 8,
          budget: "5.5",
        },
      },
    },
  });
  assert.deepEqual(clients, [
    {
      name: "phone",
      servers: ["postgres", "time"],
      rules: { postgres: { allow: null, deny: ["execute_sql"] }, time: ANY_TOOL },
      models: ["b"],
      rpm: 60,
      parallel: 8,
      budget: 5.5,
    },
    {
      name: "test-key",
      servers: ["git", "postgres", "time"],
      rules: { git: ANY_TOOL, postgres: ANY_TOOL, time: ANY_TOOL },
      models: ["a", "b"],
      rpm: undefined,
      parallel: 32,
      budget: undefined,
    },
  ]);
});

test("what a stack must say of a server, and a token that LiteLLM sends to another", () => {
  const { servers, gateway } = load({
    config: {
      servers: { time: { env: { HOST: "10.0.0.9" }, secrets: { API_KEY: "timeKey", DEPTH: "depth" }, egress: true } },
    },
    files: {
      ...timeYaml({ required: { HOST: "an address" }, env: { DEPTH: "1" }, data: true, limits: { tmp: 512 } }),
      ...databaseYaml({ bearerToken: "databaseToken" }),
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
      "127.0.0.1:4011 lab-litellm",
      "127.0.0.1:5432 lab-postgres",
      "192.168.1.10:48001 lab-mcp-time",
    ],
  );
});

test("a model's secret becomes a variable of the gateway", () => {
  const { models, gateway, warnings } = load({
    config: { models: [{ name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } }] },
    secretNames: ["openaiKey", "old"],
  });
  assert.deepEqual(models, [
    { name: "gpt", params: { model: "openai/gpt-5" }, paramsFromEnv: { api_key: "SECRET_openaiKey" } },
  ]);
  assert.deepEqual(gateway.secretEnv, { SECRET_openaiKey: "openaiKey" });
  assert(warnings.includes("Nothing on this stack uses the secret litellm-mcp:secrets.old."));
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
    sslmode: "require",
    protect: true,
    adminPasswordSecret: "postgresAdminPassword",
    readOnly: { role: "mcp_readonly", database: "mcp_db", create: true, schemas: ["public"] },
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

test("a newer LiteLLM reads more, and what nobody looked at passes with a warning", () => {
  const newer = (image: string) =>
    load({
      config: { gateway: { image, generalSettings: { use_shared_health_check: true } } },
      files: databaseYaml({ transport: { kind: "http", port: 8000, sdk: "typescript" } }),
    });
  assert.equal(newer("ghcr.io/berriai/litellm:main-v1.78.0-stable").gateway.version, "1.78.0");
  assert.match(newer("ghcr.io/berriai/litellm:v1.99.0").warnings.join("\n"), /LiteLLM 1\.99\.0 is newer than 1\.80\.5/);
});

test("the warning about a server over http names the LiteLLM that runs, and is gone where the server does no harm", () => {
  const warnings = (tag: string) => load({ config: { gateway: { image: `ghcr.io/berriai/litellm:${tag}` } } }).warnings;
  assert.match(warnings("v1.77.7-stable").join("\n"), /`git` is registered as http: on LiteLLM 1\.77\.7 one call/);
  assert.doesNotMatch(warnings("v1.106.2").join("\n"), /registered as http/);
});

test("a digest needs the version beside it", () => {
  const image = `ghcr.io/berriai/litellm@sha256:${"0".repeat(64)}`;
  assert.equal(load({ config: { gateway: { image, version: "1.77.7" } } }).gateway.version, "1.77.7");
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
