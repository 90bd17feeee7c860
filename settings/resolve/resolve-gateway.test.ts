import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseYaml, HIDDEN, IMAGE, inStack, KEY, load, refused, setSecret } from "../../tests/small-stack.ts";

const NO_VARIABLES = "the container has no variables of yours";

refused([
  inStack(
    "image tag latest",
    { gateway: { image: "ghcr.io/berriai/litellm:latest", version: "1.77.3" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:latest"',
    IMAGE,
  ),
  inStack(
    "image tag main-latest",
    { gateway: { image: "ghcr.io/berriai/litellm:main-latest" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:main-latest"',
    IMAGE,
  ),
  inStack(
    "tag that does not say the version",
    { gateway: { image: "litellm:mine" } },
    "gateway.version",
    "nothing",
    'LiteLLM\'s version, such as "1.77.3": the image litellm:mine does not say it',
  ),
  inStack(
    "version against the tag",
    { gateway: { version: "1.80.0" } },
    "gateway.version",
    '"1.80.0"',
    "leave it out: the image's tag says 1.77.3",
  ),
  inStack(
    "version that was not looked at",
    { gateway: { image: "ghcr.io/berriai/litellm:v1.74.0-stable" } },
    "gateway.image",
    '"ghcr.io/berriai/litellm:v1.74.0-stable"',
    "LiteLLM 1.77.3 or newer",
  ),
  inStack("port", { gateway: { port: 70000 } }, "gateway.port", "70000", "a port, 1 to 65535"),
  inStack(
    "unknown gateway key",
    { gateway: { prot: 1 } },
    "gateway.prot",
    KEY,
    "one of the keys image, version, port, adminPort, memory, debug, auditResults, auditDays, auditMiB, bodyMiB, storePrompts, spendDays, generalSettings, litellmSettings",
  ),
  inStack(
    "LiteLLM's own way to a log that says everything",
    { gateway: { litellmSettings: { set_verbose: true } } },
    "gateway.litellmSettings.set_verbose",
    "true",
    "litellm-mcp:gateway.debug: true in its place, which masks secrets",
  ),
  inStack(
    "general setting that does not exist",
    { gateway: { generalSettings: { log_everything: true } } },
    "gateway.generalSettings.log_everything",
    "true",
    "leave it out: LiteLLM 1.77.3 ignores it",
  ),
  inStack(
    "general setting that came later",
    { gateway: { generalSettings: { use_shared_health_check: true } } },
    "gateway.generalSettings.use_shared_health_check",
    "true",
    "leave it out: LiteLLM 1.77.3 ignores it, it works from 1.78.0",
  ),
  inStack(
    "general setting of the program",
    { gateway: { generalSettings: { master_key: "sk-1" } } },
    "gateway.generalSettings.master_key",
    HIDDEN,
    "leave it out: this program writes it",
  ),
  inStack(
    "general setting under its documented name",
    { gateway: { generalSettings: { database_connection_timeout: 5 } } },
    "gateway.generalSettings.database_connection_timeout",
    "5",
    "database_connection_pool_timeout, the name that LiteLLM reads",
  ),
  inStack(
    "Enterprise setting",
    { gateway: { generalSettings: { allowed_ips: [] } } },
    "gateway.generalSettings.allowed_ips",
    "[]",
    "leave it out: it needs a LiteLLM Enterprise licence",
  ),
  inStack(
    "litellm setting that does not exist",
    { gateway: { litellmSettings: { constructor: 1 } } },
    "gateway.litellmSettings.constructor",
    "1",
    "leave it out: LiteLLM 1.77.3 ignores it",
  ),
  inStack(
    "callbacks",
    { gateway: { litellmSettings: { callbacks: ["mine.hook"] } } },
    "gateway.litellmSettings.callbacks",
    '["mine.hook"]',
    "leave it out: litellm-mcp:telemetry for OpenTelemetry and Langfuse; success_callback and failure_callback take the names of others",
  ),
  inStack(
    "Prometheus",
    { gateway: { litellmSettings: { success_callback: ["datadog", "prometheus"] } } },
    "gateway.litellmSettings.success_callback[1]",
    '"prometheus"',
    "leave it out: the prometheus callback needs a LiteLLM Enterprise licence; the ingress has figures for Prometheus, docs/operate.md",
  ),
  inStack(
    "budget without duration",
    { gateway: { litellmSettings: { max_budget: 5 } } },
    "gateway.litellmSettings.budget_duration",
    "nothing",
    "a duration such as 30d: with max_budget alone LiteLLM does not start",
  ),
  inStack(
    "variable in a setting",
    { gateway: { litellmSettings: { default_team_settings: { hosts: ["${REDIS}"] } } } },
    "gateway.litellmSettings.default_team_settings.hosts[0]",
    '"${REDIS}"',
    `a plain value: ${NO_VARIABLES}`,
  ),
  inStack(
    "model without model",
    { models: [{ name: "a", params: {} }] },
    "models[0].params.model",
    "nothing",
    "provider and model, such as openai/gpt-5",
  ),
  inStack(
    "a deployment twice",
    { models: ["a", "a"].map((name) => ({ name, params: { model: "openai/x" } })) },
    "models[1]",
    '"a"',
    "params or secrets that its other entries do not have: this one is the same as one before",
  ),
  inStack(
    "key of a model in plain text",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "sk-live-1" } }] },
    "models[0].params.api_key",
    "a secret in plain text",
    `secrets: { api_key: NAME } beside params, and ${setSecret("NAME")}; none where no key is needed`,
  ),
  inStack(
    "variable in a model",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "os.environ/KEY" } }] },
    "models[0].params.api_key",
    HIDDEN,
    `secrets: { api_key: NAME } beside params, or a plain value: ${NO_VARIABLES}`,
  ),
  inStack(
    "secret of a model missing",
    { models: [{ name: "a", params: { model: "openai/x" }, secrets: { api_key: "openaiKey" } }] },
    "secrets.openaiKey",
    "nothing",
    setSecret("openaiKey"),
  ),
  inStack(
    "parameter twice",
    { models: [{ name: "a", params: { model: "openai/x", api_key: "none" }, secrets: { api_key: "k" } }] },
    "models[0].params.api_key",
    HIDDEN,
    "api_key in params or in secrets, not in both",
    { secretNames: ["k"] },
  ),
]);

test("a model's secret becomes a variable of the gateway", () => {
  const { models, gateway, warnings } = load({
    config: { models: [{ name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } }] },
    secretNames: ["openaiKey", "old"],
  });
  assert.deepEqual(models, [
    { name: "gpt", params: { model: "openai/gpt-5" }, paramsFromEnv: { api_key: "SECRET_openaiKey" } },
  ]);
  assert.deepEqual(gateway.secretEnv, { SECRET_openaiKey: "openaiKey" });
  assert(warnings.includes("Nothing on this stack uses the secret litellm-mcp:secrets.old."));
});

test("a newer LiteLLM reads more, and what nobody looked at passes with a warning", () => {
  const newer = (image: string) =>
    load({
      config: { gateway: { image, generalSettings: { use_shared_health_check: true } } },
      files: databaseYaml({ adapter: "none", transport: { kind: "http", port: 8000, sdk: "typescript" } }),
    });
  assert.equal(newer("ghcr.io/berriai/litellm:main-v1.78.0-stable").gateway.version, "1.78.0");
  assert.match(newer("ghcr.io/berriai/litellm:v1.99.0").warnings.join("\n"), /LiteLLM 1\.99\.0 is newer than 1\.80\.5/);
});

test("debug is off, and a stack that turns it on is told what is in the log then", () => {
  const usual = load({});
  assert.equal(usual.gateway.debug, false);
  const { gateway, warnings } = load({ config: { gateway: { debug: true } } });
  assert.equal(gateway.debug, true);
  const [warning, ...more] = warnings.filter((one) => !usual.warnings.includes(one));
  assert.match(
    warning ?? "",
    /^With gateway\.debug LiteLLM's log has what clients, .* in plain text; keys, .* are masked/,
  );
  assert.deepEqual(more, []);
});

test("a digest needs the version beside it", () => {
  const image = `ghcr.io/berriai/litellm@sha256:${"0".repeat(64)}`;
  assert.equal(load({ config: { gateway: { image, version: "1.77.7" } } }).gateway.version, "1.77.7");
});
