import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import { pack } from "tar-stream";
import { mapValues } from "../../lib/map-values.ts";
import { bridgeAddress, docker, leftovers, logsOf, python, removeLeftovers } from "./docker.ts";
import { callTool, eventually, listTools } from "./gateway.ts";
import { useEachTool, WORKLOAD } from "./postgres-tools.ts";
import { Workspace } from "./workspace.ts";

// Every server of the catalogue in one stack. Redis is real; an HTTP server of the test stands in for Grafana, SearXNG,
// n8n and a web page, containers for GitHub's API and for DuckDuckGo, Context7 and Brave. n8n.e2e.ts has a real n8n.
const PREFIX = "e2e-catalogue-";
const GATEWAY_PORT = 16000;
const POSTGRES_PORT = 16432;
const REDIS_PORT = 16379;
const REDIS_CONTAINER = `${PREFIX}redis-of-the-test`;
const GITHUB_CONTAINER = `${PREFIX}github-of-the-test`;
const INTERNET_CONTAINER = `${PREFIX}internet-of-the-test`;
/** What the servers that search there ask, and the variable with which each is told of the stand-in's certificate. */
const INTERNET = {
  duckduckgo: { host: "html.duckduckgo.com", trust: "SSL_CERT_FILE" },
  context7: { host: "context7.com", trust: "NODE_EXTRA_CA_CERTS" },
  brave: { host: "api.search.brave.com", trust: "NODE_EXTRA_CA_CERTS" },
} as const;
const AUDIT_VOLUME = `${PREFIX}ingress-audit`;
const MEMORY_VOLUME = `${PREFIX}mcp-memory-data`;
const SECRETS = {
  redisPassword: "password-of-the-redis-user",
  grafanaToken: "glsa_token-of-grafana",
  braveApiKey: "key-of-brave",
  githubToken: "ghp_tokenofgithub",
  n8nApiKey: "key-of-n8n",
};

const CONVERSION = { source_timezone: "UTC", time: "11:00", target_timezone: "Asia/Tokyo" };

let workspace: Workspace;
let files: string;
let certificates: string;
let address: string;
let standIn: http.Server;
/** The requests that the stand-in received: the path and the token of each. */
const requests: { readonly path: string; readonly authorization: string | undefined }[] = [];

/** STAND-IN for the APIs of Grafana, SearXNG and n8n, and for a page of the web. */
const answers: Readonly<Record<string, unknown>> = {
  "/grafana/api/datasources": [{ id: 1, uid: "prometheus", name: "Prometheus", type: "prometheus", isDefault: true }],
  "/grafana/api/search": [{ id: 1, uid: "home", title: "Power at home", type: "dash-db", tags: [], url: "/d/home" }],
  "/n8n/api/v1/workflows": { data: [{ id: "1", name: "Lights out at ten", active: true, nodes: [], connections: {} }] },
  "/searxng/search": {
    query: "litellm",
    results: [{ title: "LiteLLM", url: "http://litellm.lan/", content: "A gateway", score: 1 }],
  },
};

const config = () => ({
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: GATEWAY_PORT },
  "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
  "litellm-mcp:servers": servers(),
  "litellm-mcp:clients": { "test-key": {} },
});

function servers(): Record<string, Record<string, unknown>> {
  const standInUrl = `http://${address}:${(standIn.address() as AddressInfo).port}`;
  return {
    ...Object.fromEntries(["everything", "n8n", "playwright"].map((name) => [name, { enabled: true }])),
    ...mapValues(INTERNET, ({ trust }) => ({ enabled: true, env: { [trust]: "/opt/server/stand-in.pem" } })),
    fetch: { lanAddresses: [new URL(standInUrl).host, "172.16.0.0/12"] },
    filesystem: { mounts: { files } },
    redis: { enabled: true, env: { REDIS_HOST: address, REDIS_PORT: REDIS_PORT } },
    grafana: { enabled: true, env: { GRAFANA_URL: `${standInUrl}/grafana` } },
    searxng: { enabled: true, env: { SEARXNG_URL: `${standInUrl}/searxng` } },
    n8n_workflows: { enabled: true, env: { N8N_API_URL: `${standInUrl}/n8n` } },
    github: { enabled: true, env: { GITHUB_HOST: `http://${GITHUB_CONTAINER}` } },
  };
}

before(async () => {
  address = await bridgeAddress();
  await removeLeftovers(PREFIX);
  standIn = http.createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://stand-in");
    requests.push({ path: pathname, authorization: request.headers.authorization });
    if (pathname === "/away") {
      response.writeHead(302, { location: `http://${PREFIX}litellm:4000/health/readiness` }).end();
      return;
    }
    if (pathname === "/page") {
      response.setHeader("content-type", "text/html").end("<title>A page of the LAN</title><h1>Hello, browser</h1>");
      return;
    }
    response
      .setHeader("content-type", "application/json")
      .writeHead(pathname in answers ? 200 : 404)
      .end(JSON.stringify(answers[pathname] ?? {}));
  });
  await once(standIn.listen(0, address), "listening");
  const redis = await docker.createContainer({
    name: REDIS_CONTAINER,
    Image: "redis:8.0-trixie",
    HostConfig: { PortBindings: { "6379/tcp": [{ HostIp: address, HostPort: String(REDIS_PORT) }] } },
  });
  await redis.start();
  await eventually(
    "Redis answers",
    20,
    async () =>
      (await execa("docker", ["exec", REDIS_CONTAINER, "redis-cli", "ping"], { reject: false })).stdout === "PONG",
  );
  await execa("docker", ["exec", REDIS_CONTAINER, "redis-cli", "set", "greeting", "hello from Redis"]);
  files = await mkdtemp(path.join(tmpdir(), "files-of-the-test-"));
  await execa("chmod", ["755", files]);
  await writeFile(path.join(files, "note.txt"), "a note on the host");
  workspace = await Workspace.create("e2ecatalogue", config());
  certificates = await mkdtemp(path.join(tmpdir(), "certificates-of-the-test-"));
  await execa("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stand-in"],
    ...["-keyout", path.join(certificates, "key.pem"), "-out", path.join(certificates, "stand-in.pem")],
    ...[
      "-addext",
      `subjectAltName=${Object.values(INTERNET)
        .map(({ host }) => `DNS:${host}`)
        .join(",")}`,
    ],
  ]);
  // What is in a server's folder is in its image.
  for (const name of Object.keys(INTERNET))
    await cp(path.join(certificates, "stand-in.pem"), path.join(workspace.root, "mcp", name, "stand-in.pem"));
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
  standIn.close();
  await rm(files, { recursive: true });
  await rm(certificates, { recursive: true });
});

const call = async (tool: string, args: Record<string, unknown> = {}) => {
  const { gateway, clientKeys } = await workspace.outputs();
  return callTool(gateway, clientKeys["test-key"]!, tool, args);
};

test("a server without its secret or its address is refused, and the message says what to write", async () => {
  const init = await workspace.run("pulumi", ["stack", "init", "e2ecatalogue"]);
  assert.equal(init.exitCode, 0, init.output);
  await workspace.writeConfig({
    ...config(),
    "litellm-mcp:servers": { brave: { enabled: true }, github: { enabled: true }, grafana: { enabled: true } },
  });
  const { exitCode, output } = await workspace.pulumi("preview");
  assert.notEqual(exitCode, 0);
  for (const name of ["braveApiKey", "githubToken", "grafanaToken"])
    assert.ok(
      output.includes(`pulumi config set --secret --path 'litellm-mcp:secrets.${name}'`),
      `${name} is not in:\n${output}`,
    );
  assert.match(output, /litellm-mcp:servers\.grafana\.env\.GRAFANA_URL\s+found: nothing\s+write: address of Grafana/);
  await workspace.writeConfig(config());
  for (const [name, value] of Object.entries(SECRETS)) {
    const set = await workspace.pulumi("config", "set", "--secret", "--path", `litellm-mcp:secrets.${name}`, value);
    assert.equal(set.exitCode, 0, set.output);
  }
});

test("the Redis user can be created as the note in server.yaml says", async () => {
  const note = await workspace.readFile("mcp/redis/server.yaml");
  const rules = /ACL SETUSER (.+)/.exec(note)![1]!.replace(">PASSWORD", `>${SECRETS.redisPassword}`).split(" ");
  const { stdout } = await execa("docker", ["exec", REDIS_CONTAINER, "redis-cli", "ACL", "SETUSER", ...rules]);
  assert.equal(stdout, "OK");
});

test("every server of the catalogue is deployed and listed", async () => {
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up of the whole catalogue: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  const { tools } = await workspace.outputs();
  const folders = await workspace.serverFolders();
  assert.ok(folders.length >= 16, folders.join(", "));
  assert.deepEqual(Object.keys(tools).sort(), folders);
  for (const [server, names] of Object.entries(tools)) assert.ok(names.length > 0, `${server} lists nothing`);
});

test("a second preview shows no changes", async () => {
  const { exitCode, output } = await workspace.previewWithoutChanges();
  assert.equal(exitCode, 0, output);
});

test("what needs nothing else does its work", async () => {
  assert.match(await call("everything-echo", { message: "hello, catalogue" }), /hello, catalogue/);
  assert.match(await call("time-convert_time", CONVERSION), /T20:00:00\+09:00/);
  assert.match(await call("git-git_log", { repo_path: "/opt/example" }), /An example/);
  assert.match(await call("postgres-execute_sql", { sql: "SELECT 20 + 3 AS answer" }), /23/);
});

test("each of the nine tools of the Postgres server does its work", async () => {
  const psql = ["psql", "--quiet", "--set=ON_ERROR_STOP=1", "--username=postgres", "mcp_db"];
  await execa("docker", ["exec", "--interactive", `${PREFIX}postgres`, ...psql], { input: WORKLOAD.join(";\n") });
  const { tools } = await workspace.outputs();
  await useEachTool(tools["postgres"]!, (tool, args) => call(`postgres-${tool}`, args));
});

test("filesystem reads the directory that is mounted, and cannot write to it", async () => {
  assert.match(await call("filesystem-read_text_file", { path: "/files/note.txt" }), /a note on the host/);
  assert.match(
    await call("filesystem-write_file", { path: "/files/new.txt", content: "x" }),
    /EROFS: read-only file system/,
  );
  assert.match(await call("filesystem-read_text_file", { path: "/etc/passwd" }), /Access denied/);
});

test("memory remembers over a restart of its container", async () => {
  await call("memory-create_entities", {
    entities: [{ name: "gateway", entityType: "service", observations: ["listens on port 4000"] }],
  });
  await docker.getContainer(`${PREFIX}mcp-memory`).restart();
  await eventually("it remembers", 30, async () =>
    /listens on port 4000/.test(await call("memory-open_nodes", { names: ["gateway"] })),
  );
});

test("sequentialthinking counts the thoughts of several calls", async () => {
  const think = (thoughtNumber: number) =>
    call("sequentialthinking-sequentialthinking", {
      thought: "on we go",
      thoughtNumber,
      totalThoughts: 2,
      nextThoughtNeeded: thoughtNumber < 2,
    });
  const before = JSON.parse(await think(1)).thoughtHistoryLength;
  assert.equal(JSON.parse(await think(2)).thoughtHistoryLength, before + 1);
});

test("redis reads, and its user may not write", async () => {
  assert.match(await call("redis-get", { key: "greeting" }), /hello from Redis/);
  assert.match(
    await call("redis-set", { key: "greeting", value: "changed" }),
    /no permissions to run the 'set' command/,
  );
  assert.match(await call("redis-delete", { key: "greeting" }), /no permissions to run the 'del' command/);
  assert.match(await call("redis-get", { key: "greeting" }), /hello from Redis/);
});

test("grafana finds a dashboard with the token, and lists no tool that writes", async () => {
  assert.match(await call("grafana-search_dashboards", { query: "" }), /Power at home/);
  assert.ok(
    requests.some(
      ({ path, authorization }) => path === "/grafana/api/search" && authorization === `Bearer ${SECRETS.grafanaToken}`,
    ),
  );
  const { tools } = await workspace.outputs();
  assert.deepEqual(
    tools["grafana"]!.filter((tool) => /^(create|update|delete|patch|add)_/.test(tool)),
    [],
  );
});

test("searxng finds what SearXNG answers", async () => {
  assert.match(await call("searxng-searxng_web_search", { query: "litellm" }), /URL: http:\/\/litellm\.lan\//);
});

test("n8n knows its nodes without an n8n", async () => {
  assert.match(await call("n8n-search_nodes", { query: "activeCampaign", limit: 3 }), /"nodeType": "nodes-base\./);
});

test("n8n_workflows lists what n8n answers", async () => {
  assert.match(await call("n8n_workflows-n8n_list_workflows"), /Lights out at ten/);
});

test("playwright drives a real browser, whose page stays from one call to the next", async () => {
  const { port } = standIn.address() as AddressInfo;
  assert.match(
    await call("playwright-browser_navigate", { url: `http://${address}:${port}/page` }),
    /A page of the LAN/,
  );
  assert.match(await call("playwright-browser_snapshot"), /Hello, browser/);
});

test("fetch reads a page of the LAN that the stack names, and no other", async () => {
  const { port } = standIn.address() as AddressInfo;
  const fetched = (url: string) => call("fetch-fetch", { url });
  assert.match(await fetched(`http://${address}:${port}/page`), /Contents of http:\/\/.*Hello, browser/s);
  const asked = requests.length;
  // The same host, where somebody else listens.
  assert.match(
    await fetched(`http://${address}:${REDIS_PORT}/`),
    new RegExp(
      `${address} is a private address, and was not asked for anything\\..* ${address}:${REDIS_PORT} under ` +
        "litellm-mcp:servers\\.fetch\\.lanAddresses in Pulumi\\.<stack>\\.yaml, then npm run up",
    ),
  );
  // What a network opens is neither the gateway, by whichever way, nor another server.
  assert.match(
    await fetched(`http://${PREFIX}litellm:4000/health/readiness`),
    /litellm leads to .*, which is an address of the gateway's own networks/,
  );
  const refusals = async () => (await logsOf(`${PREFIX}mcp-fetch`)).split('"not let out"').length;
  const before = await refusals();
  // Of a redirect the server says no more than that it failed; its adapter says why, in its log.
  assert.match(await fetched(`http://${address}:${port}/away`), /Failed to fetch .*\/away - status code 502/);
  assert.ok((await refusals()) > before, "the adapter has refused nothing");
  assert.match(await fetched(`http://${PREFIX}mcp-git:8000/health`), /an address of the gateway's own networks/);
  assert.match(await fetched("http://127.0.0.1:8000/health"), /127\.0\.0\.1 is a loopback address/);
  assert.match(await fetched("http://169.254.169.254/"), /a link-local or metadata address/);
  assert.match(await fetched(`http://${address}:2375/version`), /is a private address/);
  assert.deepEqual(
    requests.slice(asked).map(({ path }) => path),
    ["/robots.txt", "/away"],
  );
});

/** STAND-IN for GitHub's API, which knows one token. On port 80, since the server drops the port of GITHUB_HOST. */
const githubApi = `
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.headers["Authorization"] == "Bearer ${SECRETS.githubToken}"
        self.send_response(200 if known else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"login": "octocat"}' if known and self.path.endswith("/user") else b"{}")
    do_HEAD = do_GET
HTTPServer(("", 80), Handler).serve_forever()`;

test("github gets its token from its adapter, with each call", async () => {
  // On the network for the way out nobody reaches another.
  const network = await docker.createNetwork({ Name: `${PREFIX}github-net` });
  const api = await docker.createContainer({
    name: GITHUB_CONTAINER,
    Image: "python:3.13-slim-trixie",
    Cmd: ["python3", "-c", githubApi],
    HostConfig: { NetworkMode: `${PREFIX}github-net` },
  });
  await api.start();
  await network.connect({ Container: `${PREFIX}mcp-github` });
  try {
    await eventually("the token arrives", 10, async () => /octocat/.test(await call("github-get_me")));
  } finally {
    await api.remove({ force: true });
    await network.disconnect({ Container: `${PREFIX}mcp-github` });
    await network.remove();
  }
  const { Config } = await docker.getContainer(`${PREFIX}mcp-github`).inspect();
  assert.ok(!JSON.stringify(Config).includes(SECRETS.githubToken), "the container has the token");
});

test("servers that need the internet answer a call with their own error where there is no internet", async (t) => {
  if (
    await fetch("https://duckduckgo.com", { signal: AbortSignal.timeout(5_000) }).then(
      () => true,
      () => false,
    )
  )
    return t.skip("the internet is reachable");
  assert.match(await call("duckduckgo-search", { query: "litellm" }), /No results were found/);
  assert.match(await call("context7-resolve-library-id", { libraryName: "react", query: "hooks" }), /fetch failed/);
  assert.match(await call("brave-brave_web_search", { query: "litellm" }), /fetch failed/);
});

/** STAND-IN for DuckDuckGo's page of results and the APIs of Context7 and Brave, which wants to see its key. */
const internet = `
import json, ssl
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def answer(self, content_type, text, status=200):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(text.encode())
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.answer("text/html", '<div class="result"><h2 class="result__title"><a href="http://litellm.example/">'
            'LiteLLM</a></h2><a class="result__snippet">Found for ' + asked.split("&")[0] + '</a></div>')
    def do_GET(self):
        if self.headers["Host"] == "context7.com":
            found = {"results": [{"id": "/facebook/react", "title": "React", "description": "for " + self.path,
                "totalSnippets": 1, "trustScore": 9}]}
        elif self.headers["X-Subscription-Token"] == "${SECRETS.braveApiKey}":
            found = {"web": {"results": [{"title": "LiteLLM", "url": "http://litellm.example/", "description": self.path}]}}
        else:
            return self.answer("application/json", "{}", 401)
        self.answer("application/json", json.dumps(found))
server = HTTPServer(("", 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/stand-in.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()`;

test("servers that need the internet do their work where there is one", async () => {
  const network = await docker.createNetwork({ Name: `${PREFIX}internet-net`, Internal: true });
  const container = await docker.createContainer({
    name: INTERNET_CONTAINER,
    Image: "python:3.13-slim-trixie",
    Cmd: ["python3", "-c", internet],
    HostConfig: { NetworkMode: `${PREFIX}internet-net` },
    NetworkingConfig: {
      EndpointsConfig: { [`${PREFIX}internet-net`]: { Aliases: Object.values(INTERNET).map(({ host }) => host) } },
    },
  });
  const both = await Promise.all(["key.pem", "stand-in.pem"].map((file) => readFile(path.join(certificates, file))));
  const archive = pack();
  archive.entry({ name: "stand-in.pem" }, Buffer.concat(both));
  archive.finalize();
  await container.putArchive(archive, { path: "/" });
  await container.start();
  const servers = Object.keys(INTERNET);
  for (const name of servers) await network.connect({ Container: `${PREFIX}mcp-${name}` });
  try {
    await eventually("DuckDuckGo is asked", 20, async () =>
      /LiteLLM.*http:\/\/litellm\.example\/.*Found for q=litellm/s.test(
        await call("duckduckgo-search", { query: "litellm" }),
      ),
    );
    assert.match(
      await call("context7-resolve-library-id", { libraryName: "react", query: "hooks" }),
      /\/facebook\/react.*libraryName=react/s,
    );
    assert.match(await call("brave-brave_web_search", { query: "litellm" }), /http:\/\/litellm\.example\/.*q=litellm/s);
  } finally {
    await container.remove({ force: true });
    for (const name of servers) await network.disconnect({ Container: `${PREFIX}mcp-${name}` });
    await network.remove();
  }
});

/** Whether a container can reach the stand-in. */
const reaches = async (server: string) => {
  const { port } = standIn.address() as AddressInfo;
  return python(
    `${PREFIX}mcp-${server}`,
    `import socket; socket.create_connection((${JSON.stringify(address)}, ${port}), timeout=3)`,
  ).then(
    () => true,
    () => false,
  );
};

test("wrapped servers are not root, cannot write, have no capabilities, and reach the internet only if declared", async () => {
  const containers = (await docker.listContainers())
    .map(({ Names }) => Names[0]!.slice(1))
    .filter((name) => name.startsWith(`${PREFIX}mcp-`));
  const users = new Set<string>();
  for (const name of containers) {
    const { Config, HostConfig, NetworkSettings } = await docker.getContainer(name).inspect();
    assert.deepEqual(HostConfig.CapDrop, ["ALL"], name);
    assert.equal(HostConfig.Privileged, false, name);
    assert.deepEqual(HostConfig.SecurityOpt, ["no-new-privileges:true"], name);
    assert.ok(HostConfig.Memory! > 0, name);
    assert.deepEqual(HostConfig.PortBindings ?? {}, {}, name);
    if (!String(Config.Entrypoint).includes("/opt/adapter/")) continue;
    assert.equal(HostConfig.ReadonlyRootfs, true, name);
    assert.match(Config.User, /^9\d{5}:9\d{5}$/, name);
    users.add(Config.User);
    // Of an image, it is the image that may have a way out, not its adapter.
    if (name.endsWith("-adapter")) continue;
    const declared = /^egress: true$/m.test(
      await workspace.readFile(`mcp/${name.slice(`${PREFIX}mcp-`.length)}/server.yaml`),
    );
    assert.equal(`${PREFIX}mcp-egress-net` in NetworkSettings.Networks, declared, `${name}: way out`);
  }
  assert.equal(users.size, containers.length - 2, "two servers share a user");
  assert.deepEqual([await reaches("time"), await reaches("memory"), await reaches("fetch")], [false, false, true]);
});

test("every server is listed again soon after a restart", async () => {
  const { gateway, clientKeys, tools } = await workspace.outputs();
  const rows: Record<string, { transport: string; tools: number; "listed after s": number; MiB: number }> = {};
  for (const [server, names] of Object.entries(tools)) {
    const container = docker.getContainer(`${PREFIX}mcp-${server}`);
    const stats = await container.stats({ stream: false });
    await container.restart({ t: 5 });
    const started = Date.now();
    await eventually(
      `${server} is listed`,
      60,
      async () =>
        (await listTools(`${gateway}${server}`, clientKeys["test-key"], { newer: true })).length === names.length,
    );
    const text = await workspace.readFile(`mcp/${server}/server.yaml`);
    const kind = /^transport: \{ kind: (\w+)/m.exec(text)![1]!;
    rows[server] = {
      transport:
        kind === "stdio" ? `stdio, wrapped: ${/^register: (\w+)/m.exec(text)?.[1] ?? "sse"}` : `native: ${kind}`,
      tools: names.length,
      "listed after s": Math.round((Date.now() - started) / 100) / 10,
      MiB: Math.round((stats.memory_stats.usage - (stats.memory_stats.stats["inactive_file"] ?? 0)) / 1024 / 1024),
    };
  }
  console.table(rows);
});

test("destroy leaves what clients stored and the record of their calls, and nothing else", async () => {
  const { exitCode, output } = await workspace.destroy();
  assert.equal(exitCode, 0, output);
  assert.deepEqual((await leftovers(PREFIX)).sort(), [AUDIT_VOLUME, MEMORY_VOLUME, REDIS_CONTAINER]);
});
