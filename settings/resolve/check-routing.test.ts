import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused } from "../../tests/small-stack.ts";

const models = [
  { name: "gpt", params: { model: "openai/x" } },
  { name: "local", params: { model: "ollama/x", api_base: "http://192.168.1.30:11434" } },
  { name: "local", params: { model: "ollama/x", api_base: "http://192.168.1.31:11434" } },
];

refused([
  inStack(
    "fallbacks of a model that is not there",
    { models, routing: { fallbacks: { gtp: ["local"] } } },
    "routing.fallbacks.gtp",
    '"gtp"',
    "one of the models gpt, local",
  ),
  inStack(
    "a fallback that is not there",
    { models, routing: { fallbacks: { gpt: ["local", "other"] } } },
    "routing.fallbacks.gpt[1]",
    '"other"',
    "one of the models local",
  ),
  inStack(
    "a model as its own fallback",
    { models: models.slice(0, 1), routing: { fallbacks: { gpt: ["gpt"] } } },
    "routing.fallbacks.gpt[0]",
    '"gpt"',
    "leave it out: there is no other model",
  ),
  inStack(
    "a strategy that 1.77.3 does not carry out",
    { routing: { strategy: "latency-based-routing" } },
    "routing.strategy",
    '"latency-based-routing"',
    "simple-shuffle or least-busy",
  ),
  inStack(
    "priority, which LiteLLM only looks at when no deployment works",
    { routing: { default_priority: 1 } },
    "routing.default_priority",
    "a key that nothing reads",
    "leave it out: LiteLLM 1.77 looks at priorities only while no deployment of a model answers; parallel and rpm of each client keep one from taking all",
  ),
  inStack(
    "fallbacks where LiteLLM has them",
    { gateway: { litellmSettings: { fallbacks: [{ gpt: ["local"] }] } } },
    "gateway.litellmSettings.fallbacks",
    '[{"gpt":["local"]}]',
    "litellm-mcp:routing, with fallbacks",
  ),
]);

test("entries of one name are one model, with defaults for what is done with them", () => {
  const settings = load({ config: { models, routing: { fallbacks: { gpt: ["local"] } } } });
  assert.deepEqual(
    settings.models.map(({ name }) => name),
    ["gpt", "local", "local"],
  );
  assert.deepEqual(settings.clients[0]?.models, ["gpt", "local"]);
  assert.deepEqual(settings.routing, {
    strategy: "simple-shuffle",
    fallbacks: { gpt: ["local"] },
    retries: 2,
    cooldownSeconds: 5,
  });
  assert.equal(load({}).routing, undefined);
});
