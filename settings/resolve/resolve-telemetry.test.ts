import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused, setSecret } from "../../tests/small-stack.ts";

const langfuse = { url: "http://192.168.1.30:3000", publicKey: "langfusePublic", secretKey: "langfuseSecret" };
const secretNames = ["langfusePublic", "langfuseSecret"];
const OUTSIDE = "an address of the LAN; for one outside of it, acceptRisks: [outside-lan] beside it";

refused([
  ...["http://93.184.216.34:4318", "https://otel.example.com"].map((endpoint) =>
    inStack(
      `outside of the LAN: ${endpoint}`,
      { telemetry: { openTelemetry: { endpoint } } },
      "telemetry.openTelemetry.endpoint",
      JSON.stringify(endpoint),
      OUTSIDE,
    ),
  ),
  inStack(
    "the container itself",
    { telemetry: { openTelemetry: { endpoint: "http://127.0.0.1:4318" } } },
    "telemetry.openTelemetry.endpoint",
    '"http://127.0.0.1:4318"',
    "an address of the LAN: this is a loopback address",
  ),
  inStack("nobody to tell", { telemetry: { texts: true } }, "telemetry", "nothing", "openTelemetry, langfuse or both"),
  inStack(
    "a key of Langfuse that is not there",
    { telemetry: { langfuse } },
    "secrets.langfuseSecret",
    "nothing",
    setSecret("langfuseSecret"),
    { secretNames: ["langfusePublic"] },
  ),
  inStack(
    "texts for the database alone",
    { telemetry: { langfuse }, gateway: { storePrompts: true } },
    "telemetry.texts",
    "false",
    "true, or gateway.storePrompts: false: LiteLLM gives texts to its database and to others, or to neither",
    { secretNames },
  ),
  ...(
    [
      ["otel", "leave it out: litellm-mcp:telemetry, with openTelemetry"],
      ["langfuse", "leave it out: litellm-mcp:telemetry, with langfuse"],
      [
        "mlflow",
        "leave it out: it needs the Python package mlflow, which LiteLLM's image does not have; MLflow takes traces over OpenTelemetry, litellm-mcp:telemetry with openTelemetry",
      ],
    ] as const
  ).map(([callback, write]) =>
    inStack(
      `the callback ${callback}`,
      { gateway: { litellmSettings: { success_callback: [callback] } } },
      "gateway.litellmSettings.success_callback[0]",
      JSON.stringify(callback),
      write,
    ),
  ),
]);

test("addresses of the LAN pass, and others where somebody takes the risk", () => {
  for (const [endpoint, acceptRisks] of [
    ["http://192.168.1.30:4318", []],
    ["http://collector:4318", []],
    ["http://collector.lan:4318/otlp", []],
    ["https://otel.example.com", ["outside-lan"]],
  ] as const)
    assert.equal(
      load({ config: { telemetry: { openTelemetry: { endpoint }, acceptRisks } } }).telemetry?.openTelemetry?.endpoint,
      endpoint,
    );
});

test("the secrets of Langfuse are used", () => {
  const { warnings, telemetry } = load({ config: { telemetry: { langfuse } }, secretNames });
  assert.deepEqual(telemetry, { openTelemetry: undefined, langfuse, texts: false });
  assert.ok(!warnings.some((warning) => warning.includes("langfuse")));
});
