import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseYaml, house, houseYaml, load, timeYaml } from "../../tests/small-stack.ts";

type Case = Parameters<typeof load>[0];
const serverOf = (name: string, given: Case = {}) => load(given).servers.find((server) => server.name === name)!;

test("the adapter of a package is in the server's own container, and has a token of its own", () => {
  const { adapter, ...server } = serverOf("time", { files: timeYaml({ register: "http" }) });
  assert.deepEqual(adapter, {
    container: "mcp-time",
    tokenEnv: "MCP_TOKEN_time",
    upstream: undefined,
    callSeconds: 120,
    toolSeconds: {},
    callsAtOnce: 16,
    callsWaiting: 64,
    questionMiB: 4,
    answerMiB: 8,
  });
  assert.deepEqual(
    [server.container, server.url, server.bearerTokenEnv],
    ["mcp-time", "http://mcp-time:8000/mcp", "MCP_TOKEN_time"],
  );
});

test("limits of server.yaml reach the adapter", () => {
  const limits = {
    ...{ callSeconds: 60, toolSeconds: { convert_time: 900 }, callsAtOnce: 1, callsWaiting: 2 },
    ...{ question: 16, answer: 32 },
  };
  const { adapter } = serverOf("time", { files: timeYaml({ limits }) });
  const { callSeconds, toolSeconds, callsAtOnce, callsWaiting, questionMiB, answerMiB } = adapter!;
  assert.deepEqual(
    { callSeconds, toolSeconds, callsAtOnce, callsWaiting, question: questionMiB, answer: answerMiB },
    limits,
  );
});

test("LiteLLM speaks to the adapter of an image over either transport; the adapter speaks the image's to the image", () => {
  const transport = { kind: "http", port: 9000, path: "/api/mcp" };
  const { adapter, container, register, url, bearerTokenEnv } = serverOf("postgres", {
    config: { namePrefix: "lab-" },
    files: databaseYaml({ transport, bearerToken: "databaseToken" }),
    secretNames: ["databaseToken"],
  });
  assert.deepEqual(
    { container, register, url, bearerTokenEnv },
    {
      container: "lab-mcp-postgres",
      register: "sse",
      url: "http://mcp-postgres:8000/sse",
      bearerTokenEnv: "MCP_TOKEN_postgres",
    },
  );
  assert.equal(adapter?.container, "lab-mcp-postgres-adapter");
  assert.deepEqual(adapter?.upstream, {
    transport: "http",
    url: "http://mcp-postgres-server:9000/api/mcp",
    network: "lab-mcp-postgres-net",
    login: { kind: "bearer", token: "databaseToken" },
    headers: {},
  });
});

for (const [kind, path] of [
  ["sse", "/sse"],
  ["http", "/mcp"],
] as const)
  test(`an image over ${kind} that says no path listens on ${path}`, () => {
    const files = databaseYaml({ transport: { kind, port: 8000 } });
    assert.equal(serverOf("postgres", { files }).adapter?.upstream?.url, `http://mcp-postgres-server:8000${path}`);
  });

test("the adapter of an address is its only container, and sends the login and the headers", () => {
  const { adapter, container, source, url } = serverOf("house", {
    files: houseYaml({
      basicLogin: { user: "me", password: "housePassword" },
      headers: { "X-Zone": "zone", "X-API-Key": "houseKey" },
    }),
    secretNames: ["housePassword", "houseKey", "zone"],
  });
  assert.deepEqual(
    [source, container, adapter?.container, url],
    [{ kind: "remote" }, "mcp-house", "mcp-house", "http://mcp-house:8000/sse"],
  );
  assert.deepEqual(adapter?.upstream, {
    transport: "sse",
    url: house.source.url,
    network: undefined,
    login: { kind: "basic", user: "me", password: "housePassword" },
    headers: { "X-API-Key": "houseKey", "X-Zone": "zone" },
  });
});

test("an address outside the LAN, which the server declares and the stack accepts", () => {
  const { risks } = serverOf("house", {
    config: { servers: { house: { acceptRisks: ["outside-lan"] } } },
    files: houseYaml({ source: { url: "http://8.8.8.8/sse" }, risks: ["outside-lan"] }),
  });
  assert.deepEqual(risks, ["outside-lan"]);
});

test("a name is accepted as an address: the adapter judges what it resolves to", () => {
  const { adapter } = serverOf("house", { files: houseYaml({ source: { url: "http://house.lan/sse" } }) });
  assert.equal(adapter?.upstream?.url, "http://house.lan/sse");
});

test("without an adapter LiteLLM speaks to the image itself, as the image wants it", () => {
  const { adapter, register, port, url, container, bearerTokenEnv } = serverOf("postgres", {
    files: databaseYaml({ adapter: "none", transport: { kind: "http", port: 9000, path: "/x", sdk: "go" } }),
  });
  assert.deepEqual(
    { adapter, register, port, url, container, bearerTokenEnv },
    {
      adapter: undefined,
      register: "http",
      port: 9000,
      url: "http://mcp-postgres-server:9000/x",
      container: "mcp-postgres",
      bearerTokenEnv: undefined,
    },
  );
});
