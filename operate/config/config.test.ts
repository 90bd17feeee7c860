import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { parse, stringify } from "yaml";
import { renderLiteLlmConfig } from "../../components/gateway/litellm-config.ts";
import { SettingsError } from "../../settings/problems.ts";
import { annotate } from "./annotate.ts";
import { journeyOf, shownStep } from "./journey.ts";
import { settingsOfStack } from "./stack-settings.ts";

const root = mkdtempSync(path.join(tmpdir(), "config-"));
after(() => rmSync(root, { recursive: true }));

const servers = {
  house: { description: "Lights", source: { url: "http://192.168.1.20:8123/mcp" }, transport: { kind: "http" } },
  measure: {
    description: "Measurements",
    source: { image: "example/measure-mcp:2.0.0" },
    transport: { kind: "http", port: 9000, sdk: "python" },
    adapter: "none",
    bearerToken: "measureToken",
    healthcheck: "none",
  },
};

const secure = { secure: "v1:AAAA:BBBB" };
const base = {
  "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
  "litellm-mcp:lan": { address: "127.0.0.1" },
  "litellm-mcp:secrets": { measureToken: secure, openaiKey: secure },
};

function read(config: Record<string, unknown>) {
  for (const [name, definition] of Object.entries(servers)) {
    mkdirSync(path.join(root, "mcp", name), { recursive: true });
    writeFileSync(path.join(root, "mcp", name, "server.yaml"), stringify(definition));
  }
  writeFileSync(
    path.join(root, "Pulumi.test.yaml"),
    stringify({ config: { ...base, ...config }, encryptionsalt: "v1:x" }),
  );
  const stack = settingsOfStack("test", root);
  const text = renderLiteLlmConfig(stack.settings);
  const journey = journeyOf(text, stack);
  return { text, journey, from: Object.fromEntries(journey.map(shownStep).map(({ path: at, from }) => [at, from])) };
}

const rich = {
  "litellm-mcp:models": [{ name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } }],
  "litellm-mcp:servers": { house: { debugPort: 48003 } },
  "litellm-mcp:gateway": {
    image: "ghcr.io/berriai/litellm:v1.77.7-stable",
    spendDays: 30,
    generalSettings: { background_health_checks: true },
    litellmSettings: { drop_params: true },
  },
};

test("a stack that is not deployed is read from its file, secrets by their names", () => {
  const { from } = read(rich);
  assert.equal(from["model_list[0]"], "Pulumi.test.yaml: litellm-mcp:models[0]");
  assert.match(
    from["model_list[0].litellm_params.api_key"]!,
    /^Pulumi\.test\.yaml: litellm-mcp:secrets\.openaiKey, as a variable/,
  );
  assert.equal(from["mcp_servers.house"], "mcp/house/server.yaml and Pulumi.test.yaml: litellm-mcp:servers.house");
  assert.match(from["mcp_servers.house.url"]!, /^the relay beside LiteLLM, .* mcp-house$/);
  assert.equal(from["mcp_servers.measure"], "mcp/measure/server.yaml");
  assert.match(from["mcp_servers.measure.authentication_token"]!, /litellm-mcp:secrets\.measureToken/);
  assert.match(from["mcp_servers.Placeholder"]!, /^this program/);
  assert.equal(
    from["general_settings.maximum_spend_logs_retention_period"],
    "Pulumi.test.yaml: litellm-mcp:gateway.spendDays",
  );
  assert.equal(from["general_settings.store_prompts_in_spend_logs"], "the default of litellm-mcp:gateway.storePrompts");
  assert.equal(
    from["general_settings.background_health_checks"],
    "Pulumi.test.yaml: litellm-mcp:gateway.generalSettings.background_health_checks",
  );
  assert.equal(
    from["litellm_settings.drop_params"],
    "Pulumi.test.yaml: litellm-mcp:gateway.litellmSettings.drop_params",
  );
  assert.match(from["general_settings.master_key"]!, /made by up/);
});

/** Every value of a map or list, with its path. */
const leaves = (value: unknown, at: (string | number)[] = []): (string | number)[][] =>
  typeof value === "object" && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...at, Array.isArray(value) ? Number(key) : key]))
    : [at];

for (const [what, config] of [
  ["everything by default", {}],
  ["much written", rich],
] as const) {
  test(`each part of config.yaml has a step, and each step a part: ${what}`, () => {
    const { text, journey } = read(config);
    const paths = leaves(parse(text));
    const begins = (path: readonly unknown[], step: readonly unknown[]) =>
      step.every((key, index) => path[index] === key);
    for (const path of paths)
      assert.ok(
        journey.some((step) => begins(path, step.path)),
        `nothing says where ${path.join(".")} comes from`,
      );
    for (const step of journey)
      assert.ok(
        paths.some((path) => begins(path, step.path)),
        `config.yaml has no ${step.path.join(".")}`,
      );
  });

  test(`with its comments config.yaml says the same, and every step is a comment: ${what}`, () => {
    const { text, journey } = read(config);
    const annotated = annotate(text, journey);
    assert.deepEqual(parse(annotated), parse(text));
    assert.equal(annotated.match(/[←↓]/g)?.length, journey.length, annotated);
  });
}

test("wrong settings are refused as up does it, and a value that is encrypted in the wrong place is not shown", () => {
  assert.throws(
    () => read({ "litellm-mcp:gateway": { image: secure, prot: 1 } }),
    (error: Error) =>
      error instanceof SettingsError && /litellm-mcp:gateway/.test(error.message) && !error.message.includes("v1:AAAA"),
  );
  assert.throws(() => settingsOfStack("nobody", root), /unknown stack nobody: there is no Pulumi\.nobody\.yaml/);
});
