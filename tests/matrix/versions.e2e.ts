import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { versionOfTag } from "../../settings/capabilities.ts";
import { testModels } from "../e2e/client-view.ts";
import { auditLines, containerIds, docker, leftovers, removeLeftovers, startedAt } from "../e2e/docker.ts";
import { callTool, eventually, listTools, withMcp } from "../e2e/gateway.ts";
import { Workspace } from "../e2e/workspace.ts";
import { matrixImages } from "./images.ts";

// The same stack on each LiteLLM version of the lab's catalogue, one after the other. What a version answers where it need
// not be the same is printed: docs/litellm-versions.md is written from it.
const PREFIX = "mx-";
const GATEWAY_PORT = 44000;
const POSTGRES_PORT = 45432;
const SERVERS = ["clock", "everything", "git", "postgres", "time"];
/** Spend rows are written every 7 to 13 seconds. */
const SPEND_LOGS_WITHIN_S = 40;

const clients = {
  "test-key": {},
  lone: { servers: ["time"], models: ["mock", "mock-tool-caller"] },
  group: { groups: ["utility"], models: ["mock", "mock-tool-caller"] },
  reader: { servers: ["git", "postgres"], models: ["mock", "mock-tool-caller"], tools: { git: { allow: ["git_log"] }, postgres: { deny: ["execute_sql"] } } },
  // Two servers with tools of the same names, of which one is denied on one server.
  twin: { servers: ["clock", "time"], models: ["mock", "mock-tool-caller"], tools: { clock: { deny: ["get_current_time"] } } },
};

/** hosted_vllm has got a Responses API of its own in later versions, where no mock stands in for it. */
const models = testModels.map(({ name, params }) => ({
  name,
  params: params.model === "hosted_vllm/mock" ? { ...params, model: "deepinfra/mock", api_key: "none" } : params,
}));

const stack = (image: string, others: readonly string[]) => ({
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:namePrefix": PREFIX,
  "litellm-mcp:gateway": { port: GATEWAY_PORT, image },
  "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
  "litellm-mcp:servers": { everything: { enabled: true }, ...Object.fromEntries(others.map((name) => [name, { enabled: false }])) },
  "litellm-mcp:models": models,
  "litellm-mcp:clients": clients,
});

/** A workspace with the servers of the matrix. */
async function matrixWorkspace(image: string): Promise<Workspace> {
  await removeLeftovers(PREFIX);
  const workspace = await Workspace.create("matrix", {});
  await workspace.addClock();
  await useImage(workspace, image);
  const { exitCode, output } = await workspace.run("pulumi", ["stack", "init", workspace.stack]);
  assert.equal(exitCode, 0, output);
  return workspace;
}

const useImage = async (workspace: Workspace, image: string) =>
  workspace.writeConfig(stack(image, (await workspace.serverFolders()).filter((name) => !SERVERS.includes(name))));

async function removeWorkspace(workspace: Workspace): Promise<void> {
  const { exitCode, output } = await workspace.destroy();
  if (exitCode !== 0) console.error(output);
  await workspace.remove();
}

/** Runs SQL on LiteLLM's database. */
async function rowsOf<Row extends pg.QueryResultRow>(workspace: Workspace, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: `postgresql://postgres:${await workspace.postgresPassword()}@127.0.0.1:${POSTGRES_PORT}/litellm_db` });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

interface SpendRow {
  readonly alias: string;
  readonly tool: string | null;
  readonly args: Record<string, unknown> | null;
}
const spendRows = (workspace: Workspace) =>
  rowsOf<SpendRow>(
    workspace,
    `SELECT metadata->>'user_api_key_alias' AS alias, mcp_namespaced_tool_name AS tool, metadata->'mcp_tool_call_metadata'->'arguments' AS args
     FROM "LiteLLM_SpendLogs" WHERE call_type = 'call_mcp_tool'`,
  );

const auditOf = async (marker: string) => (await auditLines(`${PREFIX}litellm`)).filter((line) => JSON.stringify(line).includes(marker));

/** How a call over MCP ended: the text and its error flag, or what the client threw. */
const attempt = (url: string, key: string, name: string, args: Record<string, unknown>): Promise<string> =>
  withMcp(url, key, async (client) => {
    const answer = await client.callTool({ name, arguments: args });
    const text = (answer.content as { text?: string }[]).map((part) => part.text ?? "").join("\n");
    return `${answer.isError === true ? "isError" : "text"}: ${text}`;
  }).catch((error: Error & { code?: number }) => `thrown: ${error.code ?? ""} ${error.message}`);

const oneLine = (text: string) => text.replace(/\s+/g, " ").slice(0, 150);

for (const image of matrixImages()) {
  const version = versionOfTag(image.split(":").at(-1)!)!;
  describe(`LiteLLM ${version}`, () => {
    let workspace: Workspace;
    const seen: [string, string][] = [];
    const note = (what: string, found: string) => seen.push([what, oneLine(found)]);
    const base = `http://127.0.0.1:${GATEWAY_PORT}`;
    const gateway = `${base}/mcp/`;
    let keys: Record<string, string>;
    let masterKey: string;
    const post = (route: string, key: string | undefined, body: unknown) =>
      fetch(`${base}${route}`, {
        method: "POST",
        headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
        body: JSON.stringify(body),
      });
    const spoken = async (response: Response) => `HTTP ${response.status} ${await response.text()}`;

    before(async () => {
      workspace = await matrixWorkspace(image);
    });
    after(async () => {
      await removeWorkspace(workspace);
      for (const [what, found] of seen) console.log(`${version} | ${what} | ${found}`);
    });

    test("up is green: every tool listed, one of each server called, with every client's key", async () => {
      const { exitCode, output, seconds } = await workspace.up();
      assert.equal(exitCode, 0, output);
      ({ clientKeys: keys, masterKey } = await workspace.outputs());
      note("up", `${seconds.toFixed(0)} s`);
      const usage = await docker.getContainer(`${PREFIX}litellm`).stats({ stream: false });
      note("memory after up", `${Math.round((usage.memory_stats.usage - (usage.memory_stats.stats.inactive_file ?? 0)) / 2 ** 20)} MiB`);
    });

    test("a second preview shows no changes", async () => {
      const { exitCode, output } = await workspace.previewWithoutChanges();
      assert.equal(exitCode, 0, output);
    });

    test("each kind of key lists what it may use, under the server's name", async () => {
      const servers = async (key: string) => [...new Set((await listTools(gateway, key)).map((name) => name.split("-")[0]!))].sort();
      assert.deepEqual(await servers(keys["test-key"]!), SERVERS);
      assert.deepEqual(await servers(keys["group"]!), ["clock", "time"]);
      assert.deepEqual(await servers(keys["reader"]!), ["git", "postgres"]);
      assert.deepEqual(await listTools(gateway, keys["lone"]), ["time-convert_time", "time-get_current_time"]);
      const git = (await listTools(gateway, keys["reader"])).filter((name) => name.startsWith("git-"));
      assert.ok(git.includes("git-git_log"));
      note("a key with an allow-list of one git tool is shown", `${git.length} git tools`);
      note("a key of two servers, asked at /mcp/time, is shown", (await listTools(`${gateway}time`, keys["twin"])).join(", "));
      note("the master key is shown", `${(await listTools(gateway, masterKey)).length} tools`);
      for (const stranger of ["sk-wrong", undefined]) {
        await assert.rejects(listTools(gateway, stranger));
        note(`/mcp/ with ${stranger ? "a wrong key" : "no key"}`, await spoken(await post("/mcp/", stranger, { jsonrpc: "2.0", id: 1, method: "tools/list" })));
      }
      note("/mcp without the slash", `HTTP ${(await fetch(`${base}/mcp`, { redirect: "manual" })).status}`);
    });

    test("each kind of key calls what it may call, on each MCP path", async () => {
      const log = { repo_path: "/opt/example", max_count: 1 };
      assert.match(await callTool(gateway, keys["test-key"]!, "postgres-execute_sql", { sql: "SELECT 6 * 7 AS answer" }), /42/);
      assert.match(await callTool(gateway, keys["test-key"]!, "everything-get-sum", { a: 20, b: 22 }), /42/);
      assert.match(await callTool(gateway, keys["lone"]!, "time-get_current_time", { timezone: "UTC" }), /"timezone"/);
      assert.match(await callTool(gateway, keys["group"]!, "clock-get_current_time", { timezone: "UTC" }), /"timezone"/);
      assert.match(await callTool(gateway, keys["reader"]!, "git-git_log", log), /An example/);
      assert.match(await callTool(gateway, keys["reader"]!, "postgres-list_schemas"), /public/);
      assert.match(await callTool(gateway, keys["twin"]!, "time-get_current_time", { timezone: "UTC" }), /"timezone"/);
      assert.match(await callTool(gateway, keys["twin"]!, "clock-convert_time", { source_timezone: "UTC", time: "12:00", target_timezone: "Asia/Tokyo" }), /21:00/);
      assert.match(await callTool(`${gateway}git`, keys["reader"]!, "git-git_log", log), /An example/);
      note("bare name at /mcp/", await attempt(gateway, keys["reader"]!, "git_log", log));
      note("bare name at /mcp/<server>", await attempt(`${gateway}git`, keys["reader"]!, "git_log", log));
      note("/<server>/mcp", await attempt(`${base}/git/mcp`, keys["reader"]!, "git-git_log", log));
    });

    test("a tool is denied on the server it is denied on, and on no other", async () => {
      const timezone = "Pacific/Chatham";
      note("denied tool (callback)", await attempt(gateway, keys["twin"]!, "clock-get_current_time", { timezone }));
      note("tool beside the allow-list", await attempt(gateway, keys["reader"]!, "git-git_status", { repo_path: "/opt/example" }));
      for (const [key, url, name, args] of [
        ["twin", gateway, "clock-get_current_time", { timezone }],
        ["twin", `${gateway}clock`, "clock-get_current_time", { timezone }],
        ["twin", `${gateway}clock`, "get_current_time", { timezone }],
        ["twin", `${base}/clock/mcp`, "clock-get_current_time", { timezone }],
        ["reader", gateway, "git-git_status", { repo_path: "/opt/example" }],
        ["reader", `${gateway}git`, "git-git_status", { repo_path: "/opt/example" }],
        ["reader", gateway, "git_status", { repo_path: "/opt/example" }],
        ["reader", gateway, "postgres-execute_sql", { sql: "SELECT 1234567" }],
        ["reader", gateway, "execute_sql", { sql: "SELECT 1234567" }],
      ] as const)
        assert.doesNotMatch(await attempt(url, keys[key]!, name, args), /"timezone"|Repository status|1234567'?:|\[\{/, `${key}: ${name} at ${url}`);
      assert.deepEqual((await auditOf(timezone)).filter(({ outcome }) => outcome === "allowed"), []);
    });

    test("a server that is not the key's is refused on every route", async () => {
      const message = "never to be heard";
      const heard = /Echo: /;
      const refused = async (what: string, answer: string) => {
        assert.doesNotMatch(answer, heard, what);
        note(what, answer);
      };
      const lone = keys["lone"]!;
      await refused("foreign server, /mcp/", await attempt(gateway, lone, "everything-echo", { message }));
      await refused("foreign server, /mcp/, bare name", await attempt(gateway, lone, "echo", { message }));
      await refused("foreign server, /mcp/<server>", await attempt(`${gateway}everything`, lone, "everything-echo", { message }));
      await refused("foreign server, /<server>/mcp", await attempt(`${base}/everything/mcp`, lone, "everything-echo", { message }));
      const ids = (await (await fetch(`${base}/v1/mcp/server`, { headers: { authorization: `Bearer ${masterKey}` } })).json()) as { server_id: string; server_name: string }[];
      const rest = async (client: string, server: string, name: string, args: Record<string, unknown>) =>
        spoken(await post("/mcp-rest/tools/call", keys[client], { server_id: ids.find(({ server_name }) => server_name === server)?.server_id, name, arguments: args }));
      for (const client of ["lone", "group", "reader", "twin"]) {
        await refused(`foreign server, /mcp-rest/tools/call, ${client}`, await rest(client, "everything", "everything-echo", { message }));
        await refused(`foreign server, /mcp-rest/tools/call, bare name, ${client}`, await rest(client, "everything", "echo", { message }));
      }
      const denied = await rest("twin", "clock", "get_current_time", { timezone: "UTC" });
      note("denied tool, /mcp-rest/tools/call", denied);
      assert.doesNotMatch(denied, /datetime/);
      note("allowed tool, /mcp-rest/tools/call", await rest("twin", "time", "get_current_time", { timezone: "UTC" }));
      const tools = [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }];
      for (const client of ["lone", "group", "reader", "twin"]) {
        await refused(`/v1/responses, ${client}`, await spoken(await post("/v1/responses", keys[client], { model: "mock-tool-caller", input: "echo", tools })));
        await refused(
          `/v1/chat/completions with type mcp, ${client}`,
          await spoken(await post("/v1/chat/completions", keys[client], { model: "mock-tool-caller", messages: [{ role: "user", content: "echo" }], tools })),
        );
      }
      assert.deepEqual((await auditOf(message)).filter(({ outcome }) => outcome === "allowed"), []);
    });

    test("a client that may call everything may let a model call tools", async () => {
      const tools = [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }];
      const answer = await spoken(await post("/v1/responses", keys["test-key"], { model: "mock-tool-caller", input: "echo", tools }));
      note("/v1/responses, a client with everything", answer.includes("Echo: through the responses API") ? "runs the tool" : answer);
      assert.match(answer, /Echo: through the responses API/);
      note("audit lines of a call by a model", String((await auditOf("through the responses API")).map(({ outcome, client }) => `${String(outcome)} ${String(client)}`).join(", ")));
    });

    test("a key made by hand, with or without permissions of LiteLLM's own, and the master key call nothing", async () => {
      for (const [what, permission] of [
        ["a key by hand", {}],
        ["a key by hand with LiteLLM's own permission", { object_permission: { mcp_access_groups: ["time"] } }],
      ] as const) {
        const made = (await (await post("/key/generate", masterKey, { key_alias: "stranger", ...permission })).json()) as { key: string };
        try {
          const answer = await attempt(gateway, made.key, "time-get_current_time", { timezone: "UTC" });
          note(what, answer);
          assert.doesNotMatch(answer, /"timezone"/);
        } finally {
          await post("/key/delete", masterKey, { keys: [made.key] });
        }
      }
      const answer = await attempt(gateway, masterKey, "time-get_current_time", { timezone: "UTC" });
      note("the master key", answer);
      assert.doesNotMatch(answer, /"timezone"/);
    });

    test("keys are shown neither how servers are set up nor other keys", async () => {
      for (const route of ["/v1/mcp/server", "/key/list", "/key/info"]) {
        const response = await fetch(`${base}${route}`, { headers: { authorization: `Bearer ${keys["lone"]}` } });
        note(`GET ${route} with a client's key`, `HTTP ${response.status}`);
        if (route === "/v1/mcp/server") assert.ok(!response.ok || !(await response.text()).includes("mcp-everything"), route);
      }
      note("/mcp-rest/test/connection without a key", await spoken(await post("/mcp-rest/test/connection", undefined, { server_name: "x", url: "http://127.0.0.1:9/sse", transport: "sse" })));
      for (const route of ["/health/liveliness", "/health/readiness"]) note(`GET ${route}`, await spoken(await fetch(`${base}${route}`)));
    });

    test("each call has an audit line with client, server, tool and arguments, and a spend row", async () => {
      const timezone = "Antarctica/Troll";
      await callTool(gateway, keys["lone"]!, "time-get_current_time", { timezone });
      await attempt(gateway, keys["twin"]!, "clock-get_current_time", { timezone });
      await attempt(gateway, keys["reader"]!, "time-get_current_time", { timezone });
      const shown = await eventually("the audit lines", 20, async () => {
        const lines = await auditOf(timezone);
        return lines.length >= 3 && lines.map(({ client, server, tool, outcome }) => [client, server, tool, outcome].join(" ")).sort();
      });
      assert.deepEqual(shown, ["lone time get_current_time allowed", "reader time get_current_time refused", "twin clock get_current_time refused"]);
      const row = await eventually("a spend row", SPEND_LOGS_WITHIN_S, async () => (await spendRows(workspace)).find(({ alias, args }) => alias === "lone" && args?.["timezone"] === timezone));
      note("tool's name in the spend row", row.tool ?? "none");
    });

    test("a server that is down, over sse and over http, interrupts no other for long", async () => {
      const key = keys["test-key"]!;
      const works = () => callTool(gateway, key, "everything-echo", { message: "still here" }, 5_000).catch(() => "");
      for (const [server, name, args] of [
        ["time", "time-get_current_time", { timezone: "UTC" }],
        ["clock", "clock-get_current_time", { timezone: "UTC" }],
      ] as const) {
        const started = await startedAt(`${PREFIX}litellm`);
        await docker.getContainer(`${PREFIX}mcp-${server}`).stop();
        const stopped = Date.now();
        note(`call to ${server}, which is down`, await Promise.race([attempt(gateway, key, name, args), new Promise<string>((resolve) => setTimeout(resolve, 15_000, "no answer in 15 s"))]));
        await eventually("another server answers", 120, async () => /still here/.test(await works()));
        const restarted = (await startedAt(`${PREFIX}litellm`)) !== started;
        note(`others answer after a call to ${server} (down)`, `${((Date.now() - stopped) / 1000).toFixed(0)} s${restarted ? ", gateway ended by its healthcheck" : ""}`);
        await docker.getContainer(`${PREFIX}mcp-${server}`).start();
        await eventually(`${server} is listed again`, 60, async () => (await listTools(gateway, key).catch((): string[] => [])).includes(name));
        await eventually(`${server} answers again`, 30, async () => !/Error|not initialized/.test(await callTool(gateway, key, name, args, 10_000).catch(() => "Error")));
      }
    });

    test("destroy leaves nothing", async () => {
      const { exitCode, output } = await workspace.destroy();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(await leftovers(PREFIX), []);
    });
  });
}

const images = matrixImages();
if (images.length > 1)
  describe("an upgrade in place", () => {
    let workspace: Workspace;
    /** Time zones asked for, a new one on each version: what the spend rows must have. */
    const asked: string[] = [];
    const ask = async (timezone: string) => {
      const { gateway, clientKeys } = await workspace.outputs();
      assert.match(await callTool(gateway, clientKeys["lone"]!, "time-get_current_time", { timezone }), new RegExp(`"${timezone}"`));
      asked.push(timezone);
      await eventually(`spend rows of ${asked.join(", ")}`, SPEND_LOGS_WITHIN_S, async () => {
        const rows = (await spendRows(workspace)).filter(({ alias }) => alias === "lone").map(({ args }) => args?.["timezone"]);
        return asked.every((one) => rows.includes(one));
      });
    };
    before(async () => {
      workspace = await matrixWorkspace(images[0]!);
    });
    after(() => removeWorkspace(workspace));

    test("begins with the oldest version", async () => {
      const { exitCode, output } = await workspace.up();
      assert.equal(exitCode, 0, output);
      await ask("Europe/Oslo");
    });

    for (const [index, image] of images.slice(1).entries())
      test(`to ${image}: one line of the stack file, keys and spend rows stay`, async () => {
        const before = await workspace.outputs();
        const containers = await containerIds(PREFIX);
        await useImage(workspace, image);
        const { exitCode, output, seconds } = await workspace.up();
        assert.equal(exitCode, 0, output);
        console.log(`upgrade to ${image}: ${seconds.toFixed(0)} s`);
        const now = await workspace.outputs();
        assert.deepEqual(now.clientKeys, before.clientKeys);
        const after = await containerIds(PREFIX);
        assert.deepEqual(Object.keys(after).filter((name) => after[name] !== containers[name]), ["litellm"]);
        await ask(["Asia/Tokyo", "Asia/Seoul"][index]!);
        assert.doesNotMatch(await attempt(now.gateway, now.clientKeys["reader"]!, "git-git_status", { repo_path: "/opt/example" }), /Repository status/);
        const preview = await workspace.previewWithoutChanges();
        assert.equal(preview.exitCode, 0, preview.output);
      });
  });
