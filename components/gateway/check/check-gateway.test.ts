import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { schemaHash, type Tool } from "../../../approval/tool-lock.ts";
import type { AtAdapter } from "./adapters.ts";
import { checkGateway } from "./check-gateway.ts";
import type { ExpectedServer } from "../../../check/expectations.ts";
import type { GatewayCheckInputs } from "./inputs.ts";

const schema = { type: "object", properties: {} };
const tool = (name: string): Tool => ({ name, description: `Does ${name}`, inputSchema: schema });
const locked = (...names: string[]) =>
  Object.fromEntries(
    names.map((name) => [
      name.slice(name.indexOf("-") + 1),
      { description: `Does ${name}`, inputSchema: schemaHash(schema) },
    ]),
  );

/** A gateway as it must be: one client, whose key is sk-known, and who may call all of `time`. */
type Deviation = (
  asked: { key: string | undefined; path: string; method: string; tool: string | undefined },
  response: http.ServerResponse,
) => boolean;

/**
 * Runs the check against a gateway that differs from what it must be by `deviation`, which says whether it has
 * answered.
 */
async function checkAgainst(
  deviation: Deviation,
  more: { readonly servers?: readonly ExpectedServer[]; readonly atAdapters?: Record<string, AtAdapter> } = {},
): Promise<unknown> {
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const send = (status: number, body: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const key = request.headers.authorization?.replace("Bearer ", "");
    const body = await text(request);
    const { id, method, params } = (body ? JSON.parse(body) : {}) as {
      id?: number;
      method?: string;
      params?: { name?: string };
    };
    if (deviation({ key, path: request.url!, method: method ?? request.method!, tool: params?.name }, response)) return;
    if (request.url !== "/mcp/") return void send(404, { error: "not found" });
    if (key !== "sk-known") return void send(401, { error: "wrong key" });
    if (request.method !== "POST") return void response.writeHead(405).end();
    if (id === undefined) return void response.writeHead(202).end();
    const called = params?.name?.startsWith("time-")
      ? { content: [{ type: "text", text: "noon" }] }
      : { content: [{ type: "text", text: `Error: there is no tool ${params?.name}` }], isError: true };
    const results: Record<string, unknown> = {
      initialize: {
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "gateway", version: "1" },
      },
      "tools/list": { tools: [tool("time-now"), tool("time-convert")] },
      "tools/call": called,
    };
    send(200, { jsonrpc: "2.0", id, result: results[method!] });
  };
  const gateway = http.createServer((request, response) => void answer(request, response));
  gateway.listen(0, "127.0.0.1");
  await once(gateway, "listening");
  try {
    const inputs: GatewayCheckInputs = {
      gatewayUrl: `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`,
      docker: { host: "unix:///no/such/docker.sock", sshOpts: [] },
      stack: "test",
      servers: [
        {
          name: "time",
          container: "mcp-time",
          adapter: null,
          lock: locked("time-now", "time-convert"),
          call: { tool: "now", arguments: {}, expect: null },
        },
        ...(more.servers ?? []),
      ],
      clients: [
        {
          name: "test-key",
          key: "sk-known",
          rules: { time: { allow: null, deny: [] }, git: { allow: null, deny: [] } },
        },
      ],
      strangers: [{ what: "the master key", key: "sk-master" }],
      triggers: [],
    };
    return await checkGateway(inputs, () => Promise.resolve(new Map(Object.entries(more.atAdapters ?? {}))));
  } finally {
    gateway.closeAllConnections();
    gateway.close();
  }
}

test("a gateway as it must be is green", async () => {
  assert.deepEqual(await checkAgainst(() => false), { time: ["convert", "now"] });
});

test("a call that gets no answer is a problem of that server, by name", async () => {
  await assert.rejects(
    checkAgainst(({ tool }, response) => tool === "time-now" && Boolean(response.destroy())),
    /1 of 1 MCP servers failed[^]*MCP server "time" tool now, called with the key of "test-key", got no answer: /,
  );
});

const git: ExpectedServer = { name: "git", container: "mcp-git", adapter: "mcp-git", lock: null, call: null };

for (const [what, atAdapter, message] of [
  [
    "whose tools nobody approved",
    { tools: [tool("log")] },
    /1 of 2 MCP servers failed[^]*MCP server "git" lists 1 tools that nobody has approved yet[^]*\+ log: Does log/,
  ],
  [
    "whose adapter does not say what it lists",
    { problem: "the MCP server git is away" },
    /1 of 2 MCP servers failed[^]*MCP server "git" does not list its tools: the MCP server git is away/,
  ],
] as const)
  test(`nobody waits for a server ${what}: it lists nothing, and that is why`, async () => {
    const began = performance.now();
    await assert.rejects(
      checkAgainst(() => false, { servers: [git], atAdapters: { "mcp-git": atAdapter } }),
      message,
    );
    assert.ok(performance.now() - began < 5_000);
  });

const plain = (response: http.ServerResponse, status: number, body: string) =>
  Boolean(response.writeHead(status).end(body));
for (const [what, deviation, message] of [
  [
    "an unknown key lists",
    ({ key }, response) => key === "sk-not-a-key-of-this-gateway" && plain(response, 200, "{}"),
    /\/mcp\/ with an unknown key must be HTTP 401 "wrong key", and is HTTP 200/,
  ],
  [
    "the master key lists",
    ({ key }, response) => key === "sk-master" && plain(response, 200, "{}"),
    /\/mcp\/ with the master key must be HTTP 401/,
  ],
  [
    "everybody is refused for another reason",
    ({ key }, response) => key !== "sk-known" && plain(response, 500, "MCP request failed"),
    /an unknown key must be HTTP 401 "wrong key", and is HTTP 500/,
  ],
  [
    "a closed route answers",
    ({ path }, response) => path === "/utils/transform_request" && plain(response, 200, "{}"),
    /POST \/utils\/transform_request with the key of "test-key" must be HTTP 404, and is HTTP 200/,
  ],
  [
    "a closed route is there, and refuses",
    ({ path }, response) => path === "/routes" && plain(response, 403, "no"),
    /GET \/routes .* must be HTTP 404, and is HTTP 403/,
  ],
  [
    "a forbidden call is answered",
    ({ tool }, response) => tool === "Nobody-tool" && plain(response, 200, "fine"),
    /a call of Nobody-tool with the key of "test-key" must be refused with "there is no tool Nobody-tool", and is HTTP 200 fine/,
  ],
] as const satisfies readonly (readonly [string, Deviation, RegExp])[])
  test(`what must fail is tried: ${what}`, async () => {
    await assert.rejects(checkAgainst(deviation), (error: Error) => {
      assert.match(error.message, /^gateway check: what must fail did not:\n/);
      assert.match(error.message, message);
      return true;
    });
  });
