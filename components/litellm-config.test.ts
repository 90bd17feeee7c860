import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { renderLiteLlmConfig } from "./litellm-config.ts";

const server = { name: "time", url: "http://mcp-time:8000/sse", register: "sse", description: "Time", accessGroups: ["utility"] } as const;
const gateway = { generalSettings: {}, litellmSettings: {} };

test("the configuration holds what LiteLLM 1.77.3 reads, and nothing else", () => {
  const text = renderLiteLlmConfig({
    models: [{ name: "gpt", params: { model: "openai/gpt" }, paramsFromEnv: { api_key: "SECRET_OPENAI" } }],
    servers: [server],
    gateway: { generalSettings: { proxy_batch_write_at: 5 }, litellmSettings: { drop_params: true } },
  });
  assert.deepEqual(parse(text), {
    model_list: [{ model_name: "gpt", litellm_params: { model: "openai/gpt", api_key: "os.environ/SECRET_OPENAI" } }],
    mcp_servers: {
      time: { url: "http://mcp-time:8000/sse", transport: "sse", description: "Time", access_groups: ["time", "utility"] },
    },
    general_settings: {
      master_key: "os.environ/LITELLM_MASTER_KEY",
      database_url: "os.environ/DATABASE_URL",
      store_prompts_in_spend_logs: true,
      proxy_batch_write_at: 5,
    },
    litellm_settings: { drop_params: true, json_logs: true, callbacks: ["gateway_policy.policy"] },
  });
});

test("the order of settings changes no byte of the text", () => {
  const text = (names: string[]) =>
    renderLiteLlmConfig({ models: [], servers: names.map((name) => ({ ...server, name })), gateway });
  assert.equal(text(["a", "b"]), text(["b", "a"]));
});
