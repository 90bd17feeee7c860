import assert from "node:assert/strict";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { execa } from "execa";
import pg from "pg";
import { cacheDir } from "../../bootstrap/steps.ts";
import { type ClientPrograms, clientPrograms } from "./client-programs.ts";
import { auditLines, removeLeftovers } from "./docker.ts";
import { callTool, eventually } from "./gateway.ts";
import { geminiApi, messagesApi, responsesApi } from "./model-stand-ins.ts";
import { type Finished, Workspace } from "./workspace.ts";

// The real clients, configured by nothing but what `npm run clients` wrote.
const PREFIX = "e2e-clients-";
const GATEWAY = "http://127.0.0.1:30100/mcp/";
const POSTGRES_PORT = 30532;
const SERVERS = ["everything", "postgres", "time"];
const TABLES = ["chemists", "lighthouses"];
/** Spend rows are written every 7 to 13 seconds. */
const SPEND_LOGS_WITHIN_S = 40;

let workspace: Workspace;
let programs: ClientPrograms;
let adminPassword: string;
/** The home directory into which the files are installed. */
let home: string;
const homes: string[] = [];

async function newHome(): Promise<string> {
  const made = await mkdtemp(path.join(tmpdir(), "litellm-mcp-clients-home-"));
  homes.push(made);
  return made;
}

/** `npm run clients` for a user with that home. */
const clients = (user: string, ...args: string[]): Promise<Finished> =>
  workspace.run("npm", ["run", "--silent", "clients", "--", "--stack", "clients", ...args], {
    env: { HOME: user, XDG_CONFIG_HOME: path.join(user, ".config"), LITELLM_MCP_LAB_CACHE: cacheDir },
  });

const modeOf = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** What the ingress recorded of calls of one client, made or refused. */
const auditOf = async (client: string) =>
  (await auditLines(`${PREFIX}ingress`)).filter((line) => line.client === client);

/** Waits for the spend row of a client's call of a tool, `server/tool`. */
async function spendRow(client: string, tool: string): Promise<void> {
  const database = new pg.Client({
    host: "127.0.0.1",
    port: POSTGRES_PORT,
    user: "postgres",
    password: adminPassword,
    database: "litellm_db",
  });
  await database.connect();
  try {
    await eventually(`a row of ${client} calling ${tool}`, SPEND_LOGS_WITHIN_S, async () => {
      const { rowCount } = await database.query(
        `SELECT 1 FROM "LiteLLM_SpendLogs" WHERE metadata->>'user_api_key_alias' = $1 AND mcp_namespaced_tool_name = $2`,
        [client, tool],
      );
      return Boolean(rowCount);
    });
  } finally {
    await database.end();
  }
}

before(async () => {
  await removeLeftovers(PREFIX);
  programs = await clientPrograms();
  workspace = await Workspace.create("clients", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: Number(new URL(GATEWAY).port) },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:servers": { everything: { enabled: true } },
    "litellm-mcp:clients": {
      "test-key": {},
      "claude-code": { servers: ["postgres", "time"], tools: { postgres: { deny: ["explain_query"] } } },
      "gemini-cli": {},
      codex: {},
      vscode: {},
      "open-webui": {},
    },
  });
  for (const server of await workspace.serverFolders())
    if (!SERVERS.includes(server)) await rm(path.join(workspace.root, "mcp", server), { recursive: true });
  home = await newHome();
});

after(async () => {
  await workspace.end();
  await removeLeftovers(PREFIX);
  for (const one of homes) await rm(one, { recursive: true, force: true });
});

test("before the first up, npm run clients says so", async () => {
  const unknown = await clients(home, "--stack", "nowhere");
  assert.equal(unknown.exitCode, 1);
  assert.match(unknown.output, /^unknown stack nowhere: there /);
  const early = await clients(home);
  assert.equal(early.exitCode, 1);
  assert.match(early.output, /^stack clients is not deployed: npm run up -- --stack clients\n?$/);
});

test("a stack with a client for each app is deployed", async () => {
  assert.equal((await workspace.run("pulumi", ["stack", "init", "clients"])).exitCode, 0);
  const { exitCode, output, seconds } = await workspace.up();
  console.log(`up: ${seconds.toFixed(0)} s`);
  assert.equal(exitCode, 0, output);
  adminPassword = await workspace.postgresPassword();
  const database = new pg.Client({
    host: "127.0.0.1",
    port: POSTGRES_PORT,
    user: "postgres",
    password: adminPassword,
    database: "mcp_db",
  });
  await database.connect();
  for (const table of TABLES) await database.query(`CREATE TABLE ${table} (id int)`);
  await database.end();
});

test("unknown clients and apps are refused", async () => {
  const client = await clients(home, "--client", "nobody");
  assert.equal(client.exitCode, 1);
  assert.match(
    client.output,
    /^--client nobody: stack clients has the clients claude-code, codex, gemini-cli, open-webui, test-key, vscode; /,
  );
  const app = await clients(home, "--app", "emacs");
  assert.equal(app.exitCode, 1);
  assert.match(
    app.output,
    /argument 'emacs' is invalid\. Allowed choices are claude-code, gemini-cli, codex, vscode, open-webui, inspector/,
  );
  assert.deepEqual(
    await filesUnder(home),
    (await filesUnder(home)).filter((file) => file.startsWith(".npm/")),
  );
});

test("--out: each client has the files of its app, readable by this user alone", async () => {
  const folder = path.join(await newHome(), "out");
  const { exitCode, output } = await clients(home, "--out", folder);
  assert.equal(exitCode, 0, output);
  const files = await filesUnder(folder);
  assert.deepEqual(
    files.filter((file) => !file.startsWith("test-key/")),
    [
      "claude-code/claude-code/.mcp.json",
      "claude-code/claude-code/claude-mcp-add.sh",
      "codex/codex/.codex/config.toml",
      "gemini-cli/gemini-cli/.gemini/settings.json",
      "open-webui/open-webui/open-webui.env",
      "open-webui/open-webui/tool-server.json",
      "vscode/vscode/.vscode/mcp.json",
    ],
  );
  assert.equal(files.filter((file) => file.startsWith("test-key/")).length, 8);
  for (const file of files) assert.equal(await modeOf(path.join(folder, file)), "600", file);
  assert.equal(await modeOf(path.join(folder, "codex/codex/.codex")), "700");
  const { clientKeys } = await workspace.outputs();
  for (const file of files) {
    const text = await readFile(path.join(folder, file), "utf8");
    const keys = Object.entries(clientKeys)
      .filter(([, key]) => text.includes(key))
      .map(([client]) => client);
    assert.deepEqual(keys, file.endsWith(".vscode/mcp.json") ? [] : [file.split("/")[0]], file);
  }
});

test("a client that follows no redirect is answered at every address in these files, by its own key", async () => {
  const folder = await newHome();
  assert.equal((await clients(folder, "--client", "test-key", "--out", folder)).exitCode, 0);
  const { clientKeys } = await workspace.outputs();
  const addresses = new Set<string>();
  for (const file of (await filesUnder(folder)).filter((file) => file.startsWith("test-key/")))
    for (const [address] of (await readFile(path.join(folder, file), "utf8")).matchAll(/https?:\/\/[^"'\s]+/g))
      addresses.add(address);
  assert.deepEqual([...addresses].sort(), [GATEWAY, GATEWAY.replace("/mcp/", "/v1")]);
  const authorization = `Bearer ${clientKeys["test-key"]}`;
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  const headers = { authorization, "content-type": "application/json", accept: "application/json, text/event-stream" };
  for (const address of [GATEWAY, GATEWAY.replace(/\/$/, "")])
    assert.equal((await fetch(address, { method: "POST", headers, body, redirect: "manual" })).status, 200, address);
  const models = `${GATEWAY.replace("/mcp/", "/v1")}/models`;
  assert.equal((await fetch(models, { headers: { authorization }, redirect: "manual" })).status, 200);
});

test("--install: the user's own entries and comments stay; a second run changes nothing", async () => {
  const codexBefore =
    '# mine\nmodel = "some-model" # the good one\n\n[tui]\ntheme = "x"\n\n[mcp_servers.other]\ncommand = "true" # does nothing\n';
  const geminiBefore =
    '{\n  // mine\n  "ui": { "hideTips": true },\n  "mcpServers": {\n    "other": { "command": "true" }, // does nothing\n    "litellm": { "httpUrl": "http://192.168.1.1:4000/mcp/" }\n  }\n}\n';
  await mkdir(path.join(home, ".codex"));
  await mkdir(path.join(home, ".gemini"));
  await writeFile(path.join(home, ".codex/config.toml"), codexBefore);
  await writeFile(path.join(home, ".gemini/settings.json"), geminiBefore);
  await chmod(path.join(home, ".gemini/settings.json"), 0o644);

  const { exitCode, output } = await clients(home, "--install");
  assert.equal(exitCode, 0, output);
  assert.match(output, /replaced: mcpServers\.litellm\n/);
  assert.match(output, /^Open WebUI: no settings file of a user to install into/m);

  const codexAfter = await readFile(path.join(home, ".codex/config.toml"), "utf8");
  for (const line of codexBefore.split("\n")) assert.ok(codexAfter.includes(line), `${line} is not in\n${codexAfter}`);
  const geminiAfter = await readFile(path.join(home, ".gemini/settings.json"), "utf8");
  for (const kept of ["// mine", '"ui": { "hideTips": true }', '"other": { "command": "true" }, // does nothing'])
    assert.ok(geminiAfter.includes(kept), `${kept} is not in\n${geminiAfter}`);
  assert.ok(!geminiAfter.includes("192.168.1.1"));

  const configFiles = async () => (await filesUnder(home)).filter((file) => !file.startsWith(".npm/"));
  const files = await configFiles();
  assert.deepEqual(
    files.map((file) => file.replace(/\.bak-.*/, ".bak")).sort(),
    [
      ".claude.json",
      ".codex/config.toml",
      ".codex/config.toml.bak",
      ".config/Code/User/mcp.json",
      ".gemini/settings.json",
      ".gemini/settings.json.bak",
    ].sort(),
  );
  for (const file of files) assert.equal(await modeOf(path.join(home, file)), "600", file);
  const backup = files.find((file) => file.startsWith(".gemini/settings.json.bak-"))!;
  assert.equal(await readFile(path.join(home, backup), "utf8"), geminiBefore);

  const texts = () => Promise.all(files.map((file) => readFile(path.join(home, file), "utf8")));
  const before = await texts();
  const again = await clients(home, "--install");
  assert.equal(again.exitCode, 0, again.output);
  assert.doesNotMatch(again.output, /changed|new |replaced/);
  assert.deepEqual(await configFiles(), files);
  assert.deepEqual(await texts(), before);
});

test("--install: if one file does not parse, nothing is written anywhere", async () => {
  const user = await newHome();
  await mkdir(path.join(user, ".codex"));
  await writeFile(path.join(user, ".codex/config.toml"), 'model = "x"\n[mcp_servers\n');
  const { exitCode, output } = await clients(user, "--install");
  assert.equal(exitCode, 1);
  assert.match(output, /\.codex\/config\.toml: not TOML: .*Nothing was changed: fix the file or move it away/);
  assert.deepEqual(
    (await filesUnder(user)).filter((file) => !file.startsWith(".npm/")),
    [".codex/config.toml"],
  );
});

test("claude mcp list: connected, by --install and by claude-mcp-add.sh, which keeps the key off the command line", async () => {
  const installed = await programs.claude(["mcp", "list"], { home });
  assert.match(installed.output, /^litellm: http:\/\/127\.0\.0\.1:30100\/mcp\/ \(HTTP\) - ✔ Connected$/m);

  const user = await newHome();
  await clients(user, "--client", "claude-code", "--out", user);
  const line = await readFile(path.join(user, "claude-code/claude-code/claude-mcp-add.sh"), "utf8");
  // The words of the line and its standard input as a shell gives them; everybody on the machine can read the words.
  const { stdout } = await execa("sh", ["-c", `claude() { printf '%s\\n' "$@" standard-input; cat; }\n${line}`]);
  const [words = "", input = ""] = stdout.split("\nstandard-input\n");
  assert.doesNotMatch(words, /sk-/);
  const added = await programs.claude(words.split("\n"), { home: user, input });
  assert.equal(added.exitCode, 0, added.output);
  assert.match((await programs.claude(["mcp", "list"], { home: user })).output, /✔ Connected$/m);
});

test("claude mcp list: a project's .mcp.json waits for its user's approval, then it is connected", async () => {
  const user = await newHome();
  await clients(user, "--client", "claude-code", "--out", user);
  const cwd = path.join(user, "claude-code/claude-code");
  assert.match((await programs.claude(["mcp", "list"], { home: user, cwd })).output, /litellm: .* Pending approval/);
  await mkdir(path.join(cwd, ".claude"));
  await writeFile(
    path.join(cwd, ".claude/settings.local.json"),
    JSON.stringify({ enabledMcpjsonServers: ["litellm"] }),
  );
  await writeFile(
    path.join(user, ".claude.json"),
    JSON.stringify({ projects: { [cwd]: { hasTrustDialogAccepted: true } } }),
  );
  assert.match((await programs.claude(["mcp", "list"], { home: user, cwd })).output, /✔ Connected$/m);
});

test("codex mcp list and codex mcp get: the entry is there beside the user's own, and its key is hidden", async () => {
  const list = await programs.codex(["mcp", "list"], { home });
  assert.match(list.output, /^litellm +http:\/\/127\.0\.0\.1:30100\/mcp\/ .*enabled +Bearer token/m);
  assert.match(list.output, /^other +true/m);
  const get = await programs.codex(["mcp", "get", "litellm"], { home });
  assert.match(get.output, /transport: streamable_http\n.*url: http:\/\/127\.0\.0\.1:30100\/mcp\/\n/);
  assert.match(get.output, /http_headers: Authorization=\*+\n/);
});

test("gemini mcp list: connected, in a folder that is trusted", async () => {
  const { output } = await programs.gemini(["mcp", "list"], { home, env: { GEMINI_CLI_TRUST_WORKSPACE: "true" } });
  assert.match(output, /✓ litellm: http:\/\/127\.0\.0\.1:30100\/mcp\/ \(http\) - Connected/);
});

test("the Inspector lists what the client may use, calls it, and is refused the rest", async () => {
  const user = await newHome();
  await clients(user, "--client", "claude-code", "--app", "inspector", "--out", user);
  const config = path.join(user, "claude-code/inspector/mcp.json");
  const inspect = (...args: string[]) =>
    programs.inspector(["--config", config, "--server", "litellm", ...args], { home: user });
  const list = await inspect("--method", "tools/list");
  assert.equal(list.exitCode, 0, list.output);
  const { tools } = JSON.parse(list.stdout) as { tools: { name: string }[] };
  const listed = new Set(tools.map(({ name }) => name.split("-")[0]));
  assert.deepEqual([...listed].sort(), ["postgres", "time"]);

  const call = await inspect(
    "--method",
    "tools/call",
    "--tool-name",
    "time-get_current_time",
    "--tool-arg",
    "timezone=Asia/Tokyo",
  );
  assert.match(call.stdout, /Asia\/Tokyo/);
  // The Inspector does not send what it has not seen in the list; another client with the same file would.
  assert.ok(
    tools.some(({ name }) => name === "postgres-list_objects") &&
      !tools.some(({ name }) => name === "postgres-explain_query"),
    "a denied tool is listed",
  );
  for (const [name, argument] of [
    ["postgres-explain_query", "sql=SELECT 1"],
    ["everything-echo", "message=never to be heard"],
  ] as const) {
    const unlisted = await inspect("--method", "tools/call", "--tool-name", name, "--tool-arg", argument);
    assert.match(unlisted.output, /tool_not_found/);
  }
  const { mcpServers } = JSON.parse(await readFile(config, "utf8")) as {
    mcpServers: { litellm: { url: string; headers: { Authorization: string } } };
  };
  const { url, headers } = mcpServers.litellm;
  const key = headers.Authorization.replace("Bearer ", "");
  assert.match(
    await callTool(url, key, "postgres-explain_query", { sql: "SELECT 1" }),
    /may not call explain_query of server postgres/,
  );
  assert.match(
    await callTool(url, key, "everything-echo", { message: "never to be heard" }),
    /may not use server everything/,
  );
  const refused = (await auditOf("claude-code")).filter(({ outcome }) => outcome === "refused");
  // The check of `up` has tried a forbidden call, too.
  assert.deepEqual(
    refused.slice(-2).map(({ server, tool, arguments: sent }) => ({ server, tool, sent })),
    [
      { server: "postgres", tool: "explain_query", sent: { sql: "SELECT 1" } },
      { server: "everything", tool: "echo", sent: { message: "never to be heard" } },
    ],
  );
});

/** Records each request, and passes it on to the gateway. */
async function withRecorder(use: (url: string, requests: string[]) => Promise<void>): Promise<void> {
  const requests: string[] = [];
  const recorder = http.createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const asked = http.request(
      new URL(request.url!, GATEWAY),
      { method: request.method!, headers: request.headers },
      (answer) => {
        response.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(response);
      },
    );
    asked.on("error", (error) => response.destroy(error));
    request.pipe(asked);
  });
  await once(recorder.listen(0, "127.0.0.1"), "listening");
  try {
    await use(`http://127.0.0.1:${(recorder.address() as AddressInfo).port}/mcp/`, requests);
  } finally {
    recorder.closeAllConnections();
    recorder.close();
  }
}

test("with a wrong key each client soon says so, and tries no other way to log in", async () => {
  await withRecorder(async (url, requests) => {
    const user = await newHome();
    await clients(user, "--client", "test-key", "--out", user);
    const wrong = async (file: string) => {
      const text = await readFile(path.join(user, "test-key", file), "utf8");
      assert.ok(text.includes(GATEWAY) && /sk-[\w-]+/.test(text), file);
      return text.replaceAll(GATEWAY, url).replace(/sk-[\w-]+/, "sk-of-nobody");
    };
    for (const [from, to] of [
      ["claude-code/.mcp.json", ".claude.json"],
      ["codex/.codex/config.toml", ".codex/config.toml"],
      ["gemini-cli/.gemini/settings.json", ".gemini/settings.json"],
      ["inspector/mcp.json", "mcp.json"],
    ] as const) {
      await mkdir(path.dirname(path.join(user, to)), { recursive: true });
      await writeFile(path.join(user, to), await wrong(from));
    }
    // What would be started to show a page where one logs in.
    const browser = path.join(user, "browser");
    await writeFile(browser, `#!/bin/sh\ntouch ${browser}-was-started\n`, { mode: 0o755 });
    const env = { BROWSER: browser, GEMINI_CLI_TRUST_WORKSPACE: "true" };
    const provider = 'model_providers.nobody={name="nobody",base_url="http://127.0.0.1:9/v1",wire_api="responses"}';
    for (const [what, run, says] of [
      [
        "Claude Code",
        () => programs.claude(["mcp", "list"], { home: user, env }),
        /Failed to connect .*HTTP 401.*wrong key: this gateway has no client with it/,
      ],
      ["Gemini CLI", () => programs.gemini(["mcp", "list"], { home: user, env }), /✗ litellm: .* Disconnected/],
      [
        "Codex",
        () =>
          programs.codex(
            [
              "exec",
              "--skip-git-repo-check",
              "-c",
              'model_provider="nobody"',
              "-c",
              provider,
              "-c",
              "mcp_servers.litellm.required=true",
              "hello",
            ],
            { home: user, env },
          ),
        /required MCP servers failed to initialize: litellm: .*wrong key: this gateway has no client with it/,
      ],
      [
        "the Inspector",
        () =>
          programs.inspector(
            [
              "--config",
              path.join(user, "mcp.json"),
              "--server",
              "litellm",
              "--method",
              "tools/list",
              "--stored-auth-only",
            ],
            { home: user, env },
          ),
        /"error":\{"code":"auth_required",.*wrong key: this gateway has no client with it/,
      ],
    ] as const) {
      requests.length = 0;
      const started = Date.now();
      const { output } = await run();
      const seconds = (Date.now() - started) / 1000;
      assert.match(output, says, what);
      assert.ok(seconds < 30, `${what}: ${seconds} s`);
      assert.deepEqual([...new Set(requests)], ["POST /mcp/"], what);
    }
    assert.ok(!(await filesUnder(user)).includes("browser-was-started"), "a browser was started");
  });
});

test("Claude Code is asked which tables the database has, and answers", async () => {
  const model = await messagesApi({
    tool: /^mcp__litellm__postgres-list_objects$/,
    arguments: { schema_name: "public", object_type: "table" },
  });
  try {
    const { stdout, exitCode, output } = await programs.claude(
      ["-p", "which tables does the database have?", "--allowedTools", "mcp__litellm"],
      {
        home,
        // Tools are offered to the model in the first request, all of them; otherwise it would have to search for them.
        env: {
          ANTHROPIC_BASE_URL: model.url,
          ANTHROPIC_API_KEY: "none",
          MCP_CONNECTION_NONBLOCKING: "0",
          ENABLE_TOOL_SEARCH: "false",
        },
      },
    );
    assert.equal(exitCode, 0, output);
    for (const table of TABLES) assert.ok(stdout.includes(table), `${table} is not in: ${stdout}`);
    const offered = [...model.offered].filter((name) => name.startsWith("mcp__"));
    assert.ok(offered.includes("mcp__litellm__time-get_current_time"), offered.join(" "));
    assert.deepEqual(
      offered.filter((name) => !/^mcp__litellm__(postgres|time)-/.test(name)),
      [],
    );
  } finally {
    await model.close();
  }
  const calls = (await auditOf("claude-code")).filter(({ tool }) => tool === "list_objects");
  assert.deepEqual(
    calls.map(({ server, outcome }) => ({ server, outcome })),
    [{ server: "postgres", outcome: "answered" }],
  );
  await spendRow("claude-code", "postgres/list_objects");
});

test("Codex is asked which tables the database has, and answers", async () => {
  const model = await responsesApi({
    tool: /^postgres_list_objects$/,
    arguments: { schema_name: "public", object_type: "table" },
  });
  try {
    const provider = `model_providers.stand-in={name="stand-in",base_url="${model.url}/v1",wire_api="responses"}`;
    const { stdout, exitCode, output } = await programs.codex(
      // Nobody is there to approve a call; the first request waits for the tools.
      [
        "exec",
        "--skip-git-repo-check",
        "-c",
        'model_provider="stand-in"',
        "-c",
        provider,
        "-c",
        'mcp_servers.litellm.default_tools_approval_mode="approve"',
        "-c",
        "mcp_servers.litellm.required=true",
        "which tables does the database have?",
      ],
      { home },
    );
    assert.equal(exitCode, 0, output);
    for (const table of TABLES) assert.ok(stdout.includes(table), `${table} is not in: ${output}`);
  } finally {
    await model.close();
  }
  const calls = (await auditOf("codex")).filter(({ tool }) => tool === "list_objects");
  assert.deepEqual(
    calls.map(({ server, outcome }) => ({ server, outcome })),
    [{ server: "postgres", outcome: "answered" }],
  );
  await spendRow("codex", "postgres/list_objects");
});

test("Gemini CLI is asked which tables the database has, and answers", async () => {
  const model = await geminiApi({
    tool: /postgres-list_objects$/,
    arguments: { schema_name: "public", object_type: "table" },
  });
  try {
    // Where the key for Google's API comes from is a setting of the user's own; ours stay beside it.
    const file = path.join(home, ".gemini/settings.json");
    const before = await readFile(file, "utf8");
    await writeFile(file, before.replace("{", '{ "security": { "auth": { "selectedType": "gemini-api-key" } },'));
    const { stdout, exitCode, output } = await programs.gemini(
      [
        // Without a model of its own it first asks another one which it should be.
        "--model",
        "gemini-2.5-pro",
        "-p",
        "which tables does the database have?",
        "--allowed-tools",
        "mcp_litellm_postgres-list_objects",
      ],
      {
        home,
        env: { GOOGLE_GEMINI_BASE_URL: model.url, GEMINI_API_KEY: "none", GEMINI_CLI_TRUST_WORKSPACE: "true" },
      },
    );
    assert.equal(exitCode, 0, output);
    for (const table of TABLES)
      assert.ok(stdout.includes(table), `${table} is not in: ${output}\noffered: ${[...model.offered].join(" ")}`);
    assert.ok(
      model.requests.some((asked) =>
        /^POST \/v1beta\/models\/gemini-[^/]+:streamGenerateContent\?alt=sse$/.test(asked),
      ),
      model.requests.join("\n"),
    );
  } finally {
    await model.close();
  }
  const calls = (await auditOf("gemini-cli")).filter(({ tool }) => tool === "list_objects");
  assert.deepEqual(
    calls.map(({ server, outcome }) => ({ server, outcome })),
    [{ server: "postgres", outcome: "answered" }],
  );
  await spendRow("gemini-cli", "postgres/list_objects");
});

test("no key was printed", async () => {
  const { clientKeys, masterKey } = await workspace.outputs();
  for (const key of [...Object.values(clientKeys), masterKey]) assert.ok(!workspace.printed.includes(key));
});
