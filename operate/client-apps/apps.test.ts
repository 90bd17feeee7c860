import assert from "node:assert/strict";
import { test } from "node:test";
import * as toml from "@decimalturn/toml-patch";
import { execa } from "execa";
import type { Access, Content, User } from "./app.ts";
import { apps, appsOf } from "./apps.ts";
import { merge } from "./merge.ts";

const gateway = "http://linuxserver.lan:4000/mcp/";
const access: Access = { client: "phone", gateway, models: "http://linuxserver.lan:4000/v1", key: "sk-a'b" };
const headers = { Authorization: "Bearer sk-a'b" };
const app = (name: string) => apps.find((one) => one.name === name)!;

/** Each file of an app as it is written where there was none. */
const texts = (name: string): Record<string, string> =>
  Object.fromEntries(
    app(name)
      .files(access)
      .map((file) => [file.name, merge(undefined, file.content).text]),
  );

test("Claude Code: .mcp.json, and a command that is given the same by standard input, where no other user sees the key", async () => {
  const files = texts("claude-code");
  const server = { type: "http", url: gateway, headers };
  assert.deepEqual(JSON.parse(files[".mcp.json"]!), { mcpServers: { litellm: server } });
  const { stdout } = await execa("sh", ["-c", `claude() { printf '%s\\n' "$@"; cat; }\n${files["claude-mcp-add.sh"]}`]);
  const words = stdout.split("\n");
  assert.deepEqual(words.slice(0, -1), ["mcp", "add-json", "--scope", "user", "litellm", "-"]);
  assert.deepEqual(JSON.parse(words.at(-1)!), server);
});

test("Gemini CLI: httpUrl, because its url once meant SSE", () => {
  assert.deepEqual(JSON.parse(texts("gemini-cli")[".gemini/settings.json"]!), {
    mcpServers: { litellm: { httpUrl: gateway, headers } },
  });
});

test("Codex CLI: a table with the header and time to start", () => {
  const parsed = structuredClone(toml.parse(texts("codex")[".codex/config.toml"]!));
  assert.deepEqual(parsed, {
    mcp_servers: { litellm: { url: gateway, http_headers: headers, startup_timeout_sec: 60 } },
  });
});

test("VS Code: asks for the key, which is not in the file", () => {
  const text = texts("vscode")[".vscode/mcp.json"]!;
  assert.ok(!text.includes(access.key));
  assert.deepEqual(JSON.parse(text), {
    inputs: [{ type: "promptString", id: "litellm-key", description: "LiteLLM key of client phone", password: true }],
    servers: { litellm: { type: "http", url: gateway, headers: { Authorization: "Bearer ${input:litellm-key}" } } },
  });
});

test("Open WebUI: the connection to import, and the same as variables of a container, for every user", () => {
  const files = texts("open-webui");
  const connections = JSON.parse(files["tool-server.json"]!);
  assert.deepEqual(connections, [
    {
      type: "mcp",
      url: gateway,
      path: "",
      auth_type: "bearer",
      key: access.key,
      config: { enable: true, access_grants: [{ principal_type: "user", principal_id: "*", permission: "read" }] },
      info: { id: "litellm", name: "LiteLLM", description: "MCP tools of the LiteLLM gateway" },
    },
  ]);
  // docker's --env-file: everything after the first = is the value, as it stands.
  const variables = Object.fromEntries(
    files["open-webui.env"]!.trimEnd()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const { TOOL_SERVER_CONNECTIONS: written, WEBUI_SECRET_KEY: secret, ...others } = variables;
  assert.deepEqual(JSON.parse(written!), connections);
  assert.match(secret!, /^[\w-]{43}$/);
  assert.notEqual(texts("open-webui")["open-webui.env"], files["open-webui.env"], "each file has a secret of its own");
  assert.deepEqual(others, {
    OPENAI_API_BASE_URL: access.models,
    OPENAI_API_KEYS: access.key,
    BYPASS_MODEL_ACCESS_CONTROL: "true",
  });
});

test("MCP Inspector: its session file", () => {
  assert.deepEqual(JSON.parse(texts("inspector")["mcp.json"]!), {
    mcpServers: { litellm: { type: "streamable-http", url: gateway, headers } },
  });
});

test("every address in a file is one that needs no redirect: /mcp/ with its slash, or that of the models", () => {
  for (const { name } of apps)
    for (const [file, text] of Object.entries(texts(name))) {
      const addresses = text.match(/https?:\/\/[^"'\s]+/g);
      assert.ok(addresses, `${name}: ${file}`);
      for (const address of addresses) assert.ok([gateway, access.models].includes(address), `${file}: ${address}`);
    }
});

test("files are installed where the apps look, also where the user has moved that", () => {
  const places = (user: User) =>
    apps.flatMap(({ name, files }) =>
      files(access).flatMap(({ installedAt }) => (installedAt ? [`${name} ${installedAt(user)}`] : [])),
    );
  assert.deepEqual(places({ home: "/home/me", platform: "linux", env: {} }), [
    "claude-code /home/me/.claude.json",
    "gemini-cli /home/me/.gemini/settings.json",
    "codex /home/me/.codex/config.toml",
    "vscode /home/me/.config/Code/User/mcp.json",
  ]);
  assert.deepEqual(
    places({
      home: "/home/me",
      platform: "linux",
      env: { CLAUDE_CONFIG_DIR: "/c", GEMINI_CLI_HOME: "/g", CODEX_HOME: "/x", XDG_CONFIG_HOME: "/v" },
    }),
    [
      "claude-code /c/.claude.json",
      "gemini-cli /g/.gemini/settings.json",
      "codex /x/config.toml",
      "vscode /v/Code/User/mcp.json",
    ],
  );
  assert.ok(
    places({ home: "/Users/me", platform: "darwin", env: {} }).includes(
      "vscode /Users/me/Library/Application Support/Code/User/mcp.json",
    ),
  );
});

test("what is said next never has the key", () => {
  const secret = (content: Content) => JSON.stringify(content).includes(access.key);
  assert.ok(apps.some(({ files }) => files(access).some(({ content }) => secret(content))));
  for (const { next } of apps)
    for (const place of [{ kind: "installed" }, { kind: "folder", folder: "/out" }] as const)
      assert.ok(!next(place, access).join("\n").includes(access.key));
});

test("a client with an app's name has the files of that app, any other those of all", () => {
  assert.deepEqual(
    appsOf("codex").map(({ name }) => name),
    ["codex"],
  );
  assert.deepEqual(
    appsOf("test-key").map(({ name }) => name),
    ["claude-code", "gemini-cli", "codex", "vscode", "open-webui", "inspector"],
  );
});
