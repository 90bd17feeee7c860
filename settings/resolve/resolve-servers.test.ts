import assert from "node:assert/strict";
import { test } from "node:test";
import { stringify } from "yaml";
import {
  databaseYaml,
  git,
  HIDDEN,
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

refused([
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
]);

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

test("the warning about a server over http names the LiteLLM that runs, and is gone where the server does no harm", () => {
  const warnings = (tag: string) => load({ config: { gateway: { image: `ghcr.io/berriai/litellm:${tag}` } } }).warnings;
  assert.match(warnings("v1.77.7-stable").join("\n"), /`git` is registered as http: on LiteLLM 1\.77\.7 one call/);
  assert.doesNotMatch(warnings("v1.106.2").join("\n"), /registered as http/);
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
