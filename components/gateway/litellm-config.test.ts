import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { AdapterSettings } from "../../settings/settings.ts";
import { keyGroups, renderLiteLlmConfig, serverId, spendWrittenWithin } from "./litellm-config.ts";

const server = {
  name: "time",
  url: "http://mcp-time:8000/sse",
  register: "sse",
  adapter: undefined,
  description: "Time",
  accessGroups: ["utility"],
  bearerTokenEnv: undefined,
  cost: undefined,
} as const;
const gateway = { version: "1.77.3", storePrompts: false, spendDays: 90, generalSettings: {}, litellmSettings: {} };

test("the configuration holds what LiteLLM 1.77.3 reads, and nothing else", () => {
  const text = renderLiteLlmConfig({
    models: [{ name: "gpt", params: { model: "openai/gpt" }, paramsFromEnv: { api_key: "SECRET_OPENAI" } }],
    servers: [server],
    gateway: {
      version: "1.77.3",
      storePrompts: false,
      spendDays: 30,
      generalSettings: { proxy_batch_write_at: 5 },
      litellmSettings: { drop_params: true },
    },
  });
  assert.deepEqual(parse(text), {
    model_list: [{ model_name: "gpt", litellm_params: { model: "openai/gpt", api_key: "os.environ/SECRET_OPENAI" } }],
    mcp_servers: {
      time: {
        url: "http://mcp-time:8000/sse",
        transport: "sse",
        description: "Time",
        access_groups: ["time", "utility"],
      },
    },
    general_settings: {
      master_key: "os.environ/LITELLM_MASTER_KEY",
      database_url: "os.environ/DATABASE_URL",
      store_prompts_in_spend_logs: false,
      maximum_spend_logs_retention_period: "30d",
      maximum_spend_logs_retention_interval: "1h",
      proxy_batch_write_at: 5,
    },
    litellm_settings: { drop_params: true, json_logs: true },
  });
});

test("LiteLLM asks adapters through the relay, where they speak what that knows", () => {
  const adapter: AdapterSettings = {
    ...{ container: "mcp-time", tokenEnv: "MCP_TOKEN_time", upstream: undefined },
    ...{ callSeconds: 60, toolSeconds: {}, callsAtOnce: 8, callsWaiting: 32, questionMiB: 1, answerMiB: 1 },
  };
  const urlOf = (changes: object) => {
    const servers = [{ ...server, adapter, ...changes }];
    return parse(renderLiteLlmConfig({ models: [], servers, gateway })).mcp_servers.time.url;
  };
  assert.equal(urlOf({}), "http://127.0.0.1:4002/time/sse");
  assert.equal(urlOf({ register: "http", url: "http://mcp-time:8000/mcp" }), "http://mcp-time:8000/mcp");
  assert.equal(urlOf({ adapter: undefined }), "http://mcp-time:8000/sse");
});

test("what was asked of models is stored where the stack wants it, and LiteLLM's own settings win", () => {
  const stored = (changes: object) =>
    parse(renderLiteLlmConfig({ models: [], servers: [], gateway: { ...gateway, ...changes } })).general_settings
      .store_prompts_in_spend_logs;
  assert.equal(stored({}), false);
  assert.equal(stored({ storePrompts: true }), true);
  assert.equal(stored({ generalSettings: { store_prompts_in_spend_logs: true } }), true);
});

test("a restart waits as long as spend rows may be unwritten: LiteLLM draws an interval of 3 s around the setting", () => {
  // Below 4 it may draw 0 or less.
  assert.equal(
    parse(renderLiteLlmConfig({ models: [], servers: [], gateway })).general_settings.proxy_batch_write_at,
    4,
  );
  assert.equal(spendWrittenWithin({}), 8);
  assert.equal(spendWrittenWithin({ proxy_batch_write_at: 30 }), 34);
});

test("a server that asks for a token gets it from a variable", () => {
  const text = renderLiteLlmConfig({ models: [], servers: [{ ...server, bearerTokenEnv: "SECRET_github" }], gateway });
  const { auth_type, authentication_token } = parse(text).mcp_servers.time;
  assert.deepEqual([auth_type, authentication_token], ["bearer_token", "os.environ/SECRET_github"]);
});

const config = (changes: object) =>
  parse(renderLiteLlmConfig({ models: [], servers: [server], gateway, ...changes })) as Record<string, any>;

test("what a stack leaves out is not in the text, so that LiteLLM is not replaced", () => {
  assert.deepEqual(Object.keys(config({})).sort(), [
    "general_settings",
    "litellm_settings",
    "mcp_servers",
    "model_list",
  ]);
  assert.deepEqual(config({}).litellm_settings, { json_logs: true });
  assert.equal(config({}).mcp_servers.time.mcp_info, undefined);
});

test("routing is what LiteLLM's router reads", () => {
  const routing = {
    strategy: "least-busy",
    fallbacks: { gpt: ["local", "mock"] },
    retries: 1,
    cooldownSeconds: 30,
    timeoutSeconds: 120,
  };
  assert.deepEqual(config({ routing }).router_settings, {
    routing_strategy: "least-busy",
    fallbacks: [{ gpt: ["local", "mock"] }],
    num_retries: 1,
    cooldown_time: 30,
    timeout: 120,
  });
});

test("Redis keeps answers where the stack says for how long, and counts in any case", () => {
  const redis = { image: "redis:8", memoryMiB: 128, host: "redis", container: "redis", network: "redis-net" };
  const common = {
    type: "redis",
    host: "redis",
    port: 6379,
    password: "os.environ/LITELLM_REDIS_PASSWORD",
    supported_call_types: ["acompletion", "aembedding"],
  };
  const params = (cacheSeconds?: number) => config({ redis: { ...redis, cacheSeconds } }).litellm_settings.cache_params;
  assert.deepEqual(params(60), { ...common, ttl: 60 });
  assert.deepEqual(params(), { ...common, mode: "default_off" });
});

test("the price of tools is beside their server", () => {
  const cost = { perCall: 0.01, tools: { convert_time: 0.25 } };
  assert.deepEqual(config({ servers: [{ ...server, cost }] }).mcp_servers.time.mcp_info, {
    mcp_server_cost_info: { default_cost_per_query: 0.01, tool_name_to_cost_per_query: { convert_time: 0.25 } },
  });
});

test("who is told of what LiteLLM did, without texts unless the stack wants them", () => {
  const openTelemetry = { endpoint: "http://collector:4318" };
  const langfuse = { url: "http://langfuse:3000", publicKey: "a", secretKey: "b" };
  assert.deepEqual(config({ telemetry: { openTelemetry, texts: true } }).litellm_settings, {
    callbacks: ["otel"],
    json_logs: true,
  });
  const own = { ...gateway, litellmSettings: { success_callback: ["generic_api"] } };
  assert.deepEqual(config({ gateway: own, telemetry: { langfuse, texts: false } }).litellm_settings, {
    success_callback: ["generic_api", "langfuse"],
    failure_callback: ["langfuse"],
    turn_off_message_logging: true,
    json_logs: true,
  });
});

test("what is masked in records of calls is masked before anybody is told", () => {
  const guard = { refused: [], masked: ["email"] } as const;
  const openTelemetry = { endpoint: "http://collector:4318" };
  assert.deepEqual(config({ guard }).litellm_settings.callbacks, ["mask_tool_calls.masker"]);
  assert.deepEqual(config({ guard, telemetry: { openTelemetry, texts: true } }).litellm_settings.callbacks, [
    "mask_tool_calls.masker",
    "otel",
  ]);
  assert.equal(config({ guard: { refused: [], masked: [] } }).litellm_settings.callbacks, undefined);
});

test("the order of settings changes no byte of the text", () => {
  const text = (names: string[]) =>
    renderLiteLlmConfig({ models: [], servers: names.map((name) => ({ ...server, name })), gateway });
  assert.equal(text(["a", "b"]), text(["b", "a"]));
});

test("a client with one server gets a second on the versions that would hide whose its tools are", () => {
  for (const [version, groups] of [
    ["1.77.3", ["time"]],
    ["1.77.7", ["time", "Placeholder"]],
    ["1.106.2", ["time"]],
  ] as const) {
    assert.deepEqual(keyGroups(["time"], version), groups, version);
    assert.deepEqual(keyGroups(["git", "time"], version), ["git", "time"], version);
    const config = parse(renderLiteLlmConfig({ models: [], servers: [server], gateway: { ...gateway, version } }));
    const known = Object.values(config.mcp_servers as Record<string, { access_groups: string[] }>).flatMap(
      ({ access_groups }) => access_groups,
    );
    assert.deepEqual(
      groups.filter((group) => !known.includes(group)),
      [],
      version,
    );
  }
});

test("a server's id is LiteLLM's own", () => {
  // From a running LiteLLM: GET /v1/mcp/server.
  assert.equal(
    serverId({
      name: "deepwiki_mcp",
      url: "https://mcp.deepwiki.com/mcp",
      register: "http",
      adapter: undefined,
      bearerTokenEnv: undefined,
    }),
    "39ba93086874ef716d528c37547711c5",
  );
});
