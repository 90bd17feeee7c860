import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import pg from "pg";
import { messageIn } from "../../ingress/tools.ts";
import { testModels } from "../e2e/client-view.ts";
import { auditLines, containerIds, docker, leftovers, removeLeftovers, startedAt } from "../e2e/docker.ts";
import { administer, callTool, eventually, listTools, serversAt, withMcp } from "../e2e/gateway.ts";
import { Workspace } from "../e2e/workspace.ts";
import { matrixImages, versionOf } from "./images.ts";

// The same stack on each LiteLLM version of the lab's catalogue, one after the other. The ingress decides what clients
// may do, so that is the same on all. Where LiteLLM itself differs, it is printed: docs/litellm-versions.md is written
// from it.
const PREFIX = "mx-";
const GATEWAY_PORT = 28000;
const POSTGRES_PORT = 28432;
const SERVERS = ["clock", "everything", "git", "postgres", "time"];
/** Spend rows are written every 7 to 13 seconds. */
const SPEND_LOGS_WITHIN_S = 40;

const clients = {
  "test-key": {},
  lone: { servers: ["time"], models: ["mock", "mock-tool-caller"] },
  group: { groups: ["utility"], models: ["mock", "mock-tool-caller"] },
  reader: {
    servers: ["git", "postgres"],
    models: ["mock", "mock-tool-caller"],
    tools: { git: { allow: ["git_log"] }, postgres: { deny: ["execute_sql"] } },
  },
  // Two servers with tools of the same names, of which one is denied on one server.
  twin: {
    servers: ["clock", "time"],
    models: ["mock", "mock-tool-caller"],
    tools: { clock: { deny: ["get_current_time"] } },
  },
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
  "litellm-mcp:servers": {
    everything: { enabled: true },
    ...Object.fromEntries(others.map((name) => [name, { enabled: false }])),
  },
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
  workspace.writeConfig(
    stack(
      image,
      (await workspace.serverFolders()).filter((name) => !SERVERS.includes(name)),
    ),
  );

async function removeWorkspace(workspace: Workspace): Promise<void> {
  await workspace.end();
  await removeLeftovers(PREFIX);
}

/** Runs SQL on LiteLLM's database. */
async function rowsOf<Row extends pg.QueryResultRow>(workspace: Workspace, sql: string): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: `postgresql://postgres:${await workspace.postgresPassword()}@127.0.0.1:${POSTGRES_PORT}/litellm_db`,
  });
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

/** Audit entries whose arguments or result have the text. */
const auditOf = async (marker: string) =>
  (await auditLines(`${PREFIX}ingress`)).filter((line) => JSON.stringify(line).includes(marker));

/** How a call over MCP ended: its text and error flag, or the error that the client threw. */
const attempt = (url: string, key: string, name: string, args: Record<string, unknown>): Promise<string> =>
  withMcp(url, key, async (client) => {
    const answer = await client.callTool({ name, arguments: args });
    const text = (answer.content as { text?: string }[]).map((part) => part.text ?? "").join("\n");
    return `${answer.isError === true ? "isError" : "text"}: ${text}`;
  }).catch((error: Error & { code?: number }) => `thrown: ${error.code ?? ""} ${error.message}`);

/** Lets a model call the gateway's tools; it asks for `everything-echo` again and again. */
const throughModel = {
  model: "mock-tool-caller",
  input: "echo",
  max_tool_calls: 1,
  tools: [{ type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" }],
};

/**
 * What each version answers when its mock is asked for a stream. LiteLLM streams mocks as chat completions only. The other routes fail when
 * it walks through an answer that is no stream ("'async for' requires an object with __aiter__"); 1.106.2 keeps that text to itself on
 * /v1/responses, and answers messages as a whole. With a model of a provider, tests/e2e/ingress.e2e.ts has all of them streamed.
 */
const streamedMock = (version: string) => {
  const notAStream = /^HTTP 502 .*'async for' requires an object with __aiter__ method/s;
  const chat = /^HTTP 200 data: /;
  return version.startsWith("1.77.")
    ? { "/v1/chat/completions": chat, "/v1/messages": notAStream, "/v1/responses": notAStream }
    : {
        "/v1/chat/completions": chat,
        "/v1/messages": /^HTTP 200 \{.*MOCK-OK/s,
        "/v1/responses": /^HTTP 502 .*LiteLLM answered HTTP 500: Error processing stream start/s,
      };
};

/** How many tools of `SERVERS` LiteLLM by itself lists where a client asks for some, or the status or code with which it refuses. */
const listedByLiteLlm: readonly (readonly [
  where: string,
  headers: Readonly<Record<string, string>>,
  listed: Listed | Readonly<Record<string, Listed>>,
])[] = [
  ["/mcp/time", {}, 2],
  ["/mcp/utility", {}, 4],
  ["/mcp/time,nosuch", {}, 2],
  ["/mcp/nosuch", {}, { "1.77.3": "all", "1.77.7": "all", "1.106.2": -32600 }],
  ["/time/mcp", {}, { "1.77.3": 404, "1.77.7": 2, "1.106.2": 2 }],
  ["/nosuch/mcp", {}, { "1.77.3": 404, "1.77.7": 500, "1.106.2": 404 }],
  ["/mcp/", { "x-mcp-servers": "time" }, 2],
  ["/mcp/", { "x-mcp-servers": "nosuch" }, { "1.77.3": "all", "1.77.7": "all", "1.106.2": -32600 }],
  ["/mcp/", { "x-mcp-access-groups": "utility" }, "all"],
  ["/mcp/", { "x-mcp-access-groups": "nosuch" }, "all"],
];
type Listed = number | "all";

const oneLine = (text: string) => text.replace(/\s+/g, " ").slice(0, 150);

for (const image of matrixImages()) {
  const version = versionOf(image);
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
    /** LiteLLM's own API, for whoever administers the host. */
    const administered = (route: string, body: unknown) => administer(GATEWAY_PORT + 1, masterKey, route, body);

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
      note(
        "memory after up",
        `${Math.round((usage.memory_stats.usage - (usage.memory_stats.stats.inactive_file ?? 0)) / 2 ** 20)} MiB`,
      );
    });

    test("a second preview shows no changes", async () => {
      const { exitCode, output } = await workspace.previewWithoutChanges();
      assert.equal(exitCode, 0, output);
    });

    test("each client lists what it may call, under the server's name, at each address", async () => {
      const { tools } = await workspace.outputs();
      const of = (server: string, ...denied: string[]) =>
        tools[server]!.filter((tool) => !denied.includes(tool)).map((tool) => `${server}-${tool}`);
      const time = ["time-convert_time", "time-get_current_time"];
      assert.deepEqual(Object.keys(tools).sort(), SERVERS);
      assert.deepEqual(await listTools(gateway, keys["test-key"]), SERVERS.flatMap((server) => of(server)).sort());
      assert.deepEqual(await listTools(gateway, keys["group"]), [...of("clock"), ...of("time")].sort());
      assert.deepEqual(
        await listTools(gateway, keys["reader"]),
        ["git-git_log", ...of("postgres", "execute_sql")].sort(),
      );
      assert.deepEqual(await listTools(gateway, keys["twin"]), [...of("clock", "get_current_time"), ...time].sort());
      assert.deepEqual(await listTools(gateway, keys["lone"]), time);
      assert.deepEqual(await listTools(`${gateway}time`, keys["twin"]), time);
      assert.deepEqual(
        await listTools(`${gateway}utility`, keys["twin"]),
        [...of("clock", "get_current_time"), ...time].sort(),
      );
      assert.deepEqual(await listTools(`${base}/mcp`, keys["lone"]), time);
    });

    test("an address or a header narrows; a name that nobody has is refused", async () => {
      const shown = (where: string, headers: Record<string, string> = {}) =>
        serversAt(`${base}${where}`, keys["test-key"]!, headers);
      for (const [where, headers, servers] of [
        ["/mcp", {}, SERVERS],
        ["/mcp/", {}, SERVERS],
        ["/mcp/time", {}, ["time"]],
        ["/mcp/time/", {}, ["time"]],
        ["/mcp/time,git", {}, ["git", "time"]],
        ["/mcp/utility", {}, ["clock", "time"]],
        ["/mcp/", { "x-mcp-servers": "time" }, ["time"]],
        ["/mcp/", { "x-mcp-servers": "time, git" }, ["git", "time"]],
        ["/mcp/", { "x-mcp-access-groups": "utility" }, ["clock", "time"]],
        ["/mcp/git", { "x-mcp-servers": "time" }, []],
      ] as const)
        assert.deepEqual(await shown(where, headers), servers, `${where} ${JSON.stringify(headers)}`);
      const nobody = '404 there is no MCP server and no group "nosuch"';
      for (const where of ["/mcp/nosuch", "/mcp/nosuch/", "/mcp/time,nosuch"])
        assert.equal(await shown(where), nobody, where);
      for (const header of ["x-mcp-servers", "x-mcp-access-groups"])
        assert.equal(await shown("/mcp/", { [header]: "nosuch" }), nobody, header);
    });

    test("LiteLLM by itself narrows as docs/litellm-versions.md says", async () => {
      const all = (await listTools(gateway, keys["test-key"])).length;
      for (const [where, headers, listed] of listedByLiteLlm) {
        const answer = await fetch(`http://127.0.0.1:${GATEWAY_PORT + 1}${where}`, {
          method: "POST",
          headers: {
            ...{ "content-type": "application/json", accept: "application/json, text/event-stream" },
            ...{ authorization: `Bearer ${masterKey}`, ...headers },
          },
          body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
        });
        const said = await answer.text();
        const { result, error } = (answer.status === 200 ? messageIn(said) : { error: { code: answer.status } }) as {
          result?: { tools: unknown[] };
          error?: { code: number };
        };
        const found = result ? (result.tools.length === all ? "all" : result.tools.length) : error!.code;
        const expected = typeof listed === "object" ? listed[version] : listed;
        assert.equal(found, expected, `${where} ${JSON.stringify(headers)}: ${said.slice(0, 500)}`);
      }
    });

    test("a wrong key, no key, a key made by hand and the master key open nothing", async () => {
      const made = (await administered("/key/generate", {
        key_alias: "stranger",
        object_permission: { mcp_access_groups: ["time"] },
      })) as { key: string };
      try {
        for (const stranger of ["sk-wrong", undefined, made.key, masterKey])
          for (const [route, body] of [
            [
              "/mcp/",
              {
                jsonrpc: "2.0",
                id: 1,
                method: "tools/call",
                params: { name: "time-get_current_time", arguments: { timezone: "UTC" } },
              },
            ],
            ["/mcp/time", { jsonrpc: "2.0", id: 1, method: "tools/list" }],
            ["/v1/responses", throughModel],
            ["/v1/chat/completions", { model: "mock", messages: [{ role: "user", content: "hello" }] }],
          ] as const) {
            const response = await post(route, stranger, body);
            assert.equal(response.status, 401, route);
            assert.match(await response.text(), stranger === undefined ? /no key: / : /wrong key: /);
          }
      } finally {
        await administered("/key/delete", { keys: [made.key] });
      }
    });

    test("each kind of key calls what it may call, on each MCP path", async () => {
      const log = { repo_path: "/opt/example", max_count: 1 };
      assert.match(
        await callTool(gateway, keys["test-key"]!, "postgres-execute_sql", { sql: "SELECT 6 * 7 AS answer" }),
        /42/,
      );
      assert.match(await callTool(gateway, keys["test-key"]!, "everything-get-sum", { a: 20, b: 22 }), /42/);
      assert.match(await callTool(gateway, keys["lone"]!, "time-get_current_time", { timezone: "UTC" }), /"timezone"/);
      assert.match(
        await callTool(gateway, keys["group"]!, "clock-get_current_time", { timezone: "UTC" }),
        /"timezone"/,
      );
      assert.match(await callTool(gateway, keys["reader"]!, "git-git_log", log), /An example/);
      assert.match(await callTool(gateway, keys["reader"]!, "postgres-list_schemas"), /public/);
      assert.match(await callTool(gateway, keys["twin"]!, "time-get_current_time", { timezone: "UTC" }), /"timezone"/);
      assert.match(
        await callTool(gateway, keys["twin"]!, "clock-convert_time", {
          source_timezone: "UTC",
          time: "12:00",
          target_timezone: "Asia/Tokyo",
        }),
        /21:00/,
      );
      assert.match(await callTool(`${gateway}git`, keys["reader"]!, "git-git_log", log), /An example/);
      assert.match(
        await callTool(`${base}/mcp`, keys["lone"]!, "time-get_current_time", { timezone: "UTC" }),
        /"timezone"/,
      );
    });

    test("a tool is denied on the server on which it is denied, and on no other; it has one name", async () => {
      const timezone = "Pacific/Chatham";
      const status = { repo_path: "/opt/example" };
      for (const [key, url, name, args, reason] of [
        [
          "twin",
          gateway,
          "clock-get_current_time",
          { timezone },
          "this key may not call get_current_time of server clock",
        ],
        [
          "twin",
          `${gateway}clock`,
          "clock-get_current_time",
          { timezone },
          "this key may not call get_current_time of server clock",
        ],
        [
          "twin",
          `${gateway}clock`,
          "get_current_time",
          { timezone },
          "there is no tool get_current_time: names are <server>-<tool>, as tools/list has them",
        ],
        [
          "twin",
          `${gateway}clock`,
          "time-get_current_time",
          { timezone },
          "server time is not offered at this address",
        ],
        ["reader", gateway, "git-git_status", status, "this key may not call git_status of server git"],
        ["reader", `${gateway}git`, "git-git_status", status, "this key may not call git_status of server git"],
        [
          "reader",
          gateway,
          "git_status",
          status,
          "there is no tool git_status: names are <server>-<tool>, as tools/list has them",
        ],
        [
          "reader",
          gateway,
          "postgres-execute_sql",
          { sql: "SELECT 1234567" },
          "this key may not call execute_sql of server postgres",
        ],
      ] as const)
        assert.equal(await attempt(url, keys[key]!, name, args), `isError: Error: ${reason}`);
      // Of one client no more than five refused calls a minute have a line each, and the check of `up` has made one.
      const lines = await eventually("the audit lines", 5, async () => {
        const found = await auditOf(timezone);
        return found.length > 0 && found;
      });
      assert.deepEqual([...new Set(lines.map(({ client, outcome }) => `${client} ${outcome}`))], ["twin refused"]);
    });

    test("a server that is not the client's is refused on every route", async () => {
      const message = "never to be heard";
      for (const client of ["lone", "group", "reader", "twin"]) {
        const key = keys[client]!;
        assert.equal(
          await attempt(gateway, key, "everything-echo", { message }),
          "isError: Error: this key may not use server everything",
        );
        assert.match(await attempt(gateway, key, "echo", { message }), /^isError: Error: there is no tool echo/);
        assert.match(
          await attempt(`${gateway}everything`, key, "everything-echo", { message }),
          /^thrown: .*this key may not use server everything/,
        );
        // Routes of LiteLLM beside /mcp/ on which one version or another calls tools.
        for (const route of [
          "/everything/mcp",
          "/mcp-rest/tools/call",
          "/mcp-rest/test/tools/list",
          "/mcp-rest/test/connection",
        ])
          assert.match(
            await spoken(await post(route, key, { name: "everything-echo", arguments: { message } })),
            /^HTTP 404 /,
            route,
          );
        const responses = await spoken(await post("/v1/responses", key, throughModel));
        assert.match(responses, /^HTTP 200 /);
        assert.doesNotMatch(responses, /Echo: |mcp_call/, client);
        const { tools } = throughModel;
        const chat = await spoken(
          await post("/v1/chat/completions", key, {
            model: "mock-tool-caller",
            messages: [{ role: "user", content: "echo" }],
            tools,
          }),
        );
        assert.match(chat, /^HTTP 400 /, client);
      }
      assert.deepEqual(
        (await auditOf(message)).filter(({ outcome }) => outcome !== "refused"),
        [],
      );
      assert.deepEqual(await auditOf("through the responses API"), []);
    });

    test("a client may let a model call the tools that it may call itself", async () => {
      const answer = await spoken(await post("/v1/responses", keys["test-key"], throughModel));
      assert.match(answer, /^HTTP 200 .*Echo: through the responses API/s);
      const lines = await auditOf("through the responses API");
      assert.deepEqual(
        lines.map(({ client, server, tool, route, outcome }) => ({ client, server, tool, route, outcome })),
        [{ client: "test-key", server: "everything", tool: "echo", route: "/v1/responses", outcome: "answered" }],
      );
      const streamed = await spoken(await post("/v1/responses", keys["test-key"], { ...throughModel, stream: true }));
      assert.match(streamed, /^HTTP 400 .*without stream only/);
    });

    test("models answer, whole and streamed, by each of their APIs", async () => {
      const chat = { model: "mock", messages: [{ role: "user", content: "hello" }] };
      for (const [route, body] of [
        ["/v1/chat/completions", chat],
        ["/v1/messages", { ...chat, max_tokens: 16 }],
        ["/v1/responses", { model: "mock", input: "hello" }],
      ] as const) {
        assert.match(await spoken(await post(route, keys["test-key"], body)), /^HTTP 200 .*MOCK-OK/s, route);
        const stream = await spoken(await post(route, keys["test-key"], { ...body, stream: true }));
        if (route !== "/v1/chat/completions") note(`${route}, streamed, with a mock`, stream);
        assert.match(stream, streamedMock(version)[route], `${route}, streamed`);
      }
      const evil = await spoken(
        await post("/v1/responses", keys["test-key"], {
          model: "mock",
          input: "x",
          mock_response: "os.environ/LITELLM_MASTER_KEY",
        }),
      );
      assert.match(evil, /^HTTP 400 .*mock_response/);
    });

    test("nobody is shown how servers are set up, other keys, or LiteLLM's own routes", async () => {
      for (const route of [
        "/v1/mcp/server",
        "/key/list",
        "/key/info",
        "/health/liveliness",
        "/health/readiness",
        "/routes",
        "/openapi.json",
      ])
        for (const key of [keys["test-key"], masterKey, undefined]) {
          const response = await fetch(`${base}${route}`, {
            headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
          });
          assert.equal(response.status, 404, route);
        }
      assert.match(await spoken(await fetch(`${base}/health`)), /^HTTP 200 \{"ingress":"ok","litellm":"ok",/);
    });

    test("each call has an audit line with client, server, tool and arguments, and a spend row", async () => {
      const timezone = "Antarctica/Troll";
      await callTool(gateway, keys["lone"]!, "time-get_current_time", { timezone });
      // `twin` and `reader` may have had their lines of this minute.
      await attempt(gateway, keys["group"]!, "git-git_log", { timezone });
      const shown = await eventually("the audit lines", 20, async () => {
        const lines = await auditOf(timezone);
        return (
          lines.length >= 2 &&
          lines.map(({ client, server, tool, outcome }) => [client, server, tool, outcome].join(" ")).sort()
        );
      });
      assert.deepEqual(shown, ["group git git_log refused", "lone time get_current_time answered"]);
      const row = await eventually("a spend row", SPEND_LOGS_WITHIN_S, async () =>
        (await spendRows(workspace)).find(({ alias, args }) => alias === "lone" && args?.["timezone"] === timezone),
      );
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
        note(
          `call to ${server}, which is down`,
          await Promise.race([
            attempt(gateway, key, name, args),
            new Promise<string>((resolve) => setTimeout(resolve, 15_000, "no answer in 15 s")),
          ]),
        );
        await eventually("another server answers", 180, async () => /still here/.test(await works()));
        const restarted = (await startedAt(`${PREFIX}litellm`)) !== started;
        note(
          `others answer after a call to ${server} (down)`,
          `${((Date.now() - stopped) / 1000).toFixed(0)} s${restarted ? ", gateway ended by its healthcheck" : ""}`,
        );
        await docker.getContainer(`${PREFIX}mcp-${server}`).start();
        await eventually(`${server} is listed again`, 60, async () =>
          (await listTools(gateway, key).catch((): string[] => [])).includes(name),
        );
        await eventually(
          `${server} answers again`,
          30,
          async () =>
            !/Error|not initialized/.test(await callTool(gateway, key, name, args, 10_000).catch(() => "Error")),
        );
      }
    });

    test("destroy leaves the record of clients' calls, and nothing else", async () => {
      const { exitCode, output } = await workspace.destroy();
      assert.equal(exitCode, 0, output);
      assert.deepEqual(await leftovers(PREFIX), [`${PREFIX}ingress-audit`]);
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
      assert.match(
        await callTool(gateway, clientKeys["lone"]!, "time-get_current_time", { timezone }),
        new RegExp(`"${timezone}"`),
      );
      asked.push(timezone);
      await eventually(`spend rows of ${asked.join(", ")}`, SPEND_LOGS_WITHIN_S, async () => {
        const rows = (await spendRows(workspace))
          .filter(({ alias }) => alias === "lone")
          .map(({ args }) => args?.["timezone"]);
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
        assert.deepEqual(
          Object.keys(after).filter((name) => after[name] !== containers[name]),
          ["litellm"],
        );
        await ask(["Asia/Tokyo", "Asia/Seoul"][index]!);
        assert.match(
          await attempt(now.gateway, now.clientKeys["reader"]!, "git-git_status", { repo_path: "/opt/example" }),
          /^isError: Error: this key may not call git_status/,
        );
        const preview = await workspace.previewWithoutChanges();
        assert.equal(preview.exitCode, 0, preview.output);
      });
  });
