import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { ClientOnRecord } from "../client-rights.ts";
import type { LiteLlmConfig } from "./litellm-config.ts";
import { askModel, freeModels, type Paid, questions } from "./models.ts";

const client = (name: string, ...models: string[]): ClientOnRecord => ({
  key: `sk-${name}`,
  rights: { name, keyHash: "", servers: {}, models, rpm: null, parallel: 1, budget: null },
});
const mock = { model: "openai/mock", mock_response: "MOCK-OK" };
const gpt = { model: "openai/gpt-5" };
const config = (models: readonly (readonly [string, Record<string, unknown>])[]): LiteLlmConfig => ({
  model_list: models.map(([name, params]) => ({ model_name: name, litellm_params: params })),
});
const both = config([
  ["mock", mock],
  ["gpt", gpt],
  ["openai/*", gpt],
]);

test("a model costs nothing when each of its deployments plays, and it hands nothing on", () => {
  assert.deepEqual(freeModels(both), ["mock"]);
  assert.deepEqual(
    freeModels(
      config([
        ["half", mock],
        ["half", gpt],
      ]),
    ),
    [],
  );
  assert.deepEqual(freeModels({ ...both, router_settings: { fallbacks: [{ mock: ["gpt"] }] } }), []);
  assert.deepEqual(freeModels({}), []);
});

const asked = (clients: readonly ClientOnRecord[], paid: Paid) =>
  questions(clients, both, paid).map(
    ({ client: { rights }, model, mayCost }) => `${rights.name} ${model}${mayCost ? " $" : ""}`,
  );
const phone = client("phone", "mock");
const all = client("test-key", "mock", "gpt");

test("without --models nobody asks a provider; each client asks a model that costs nothing", () => {
  assert.deepEqual(asked([phone, all, client("none")], undefined), ["phone mock", "test-key mock"]);
  assert.deepEqual(asked([client("paying", "gpt")], undefined), []);
});

test("with --models each model of a provider is asked once, by a client that may use it", () => {
  assert.deepEqual(asked([phone, all, client("other", "gpt")], true), [
    "phone mock",
    "test-key mock",
    "test-key gpt $",
  ]);
  assert.deepEqual(asked([phone], true), ["phone mock"]);
  assert.deepEqual(asked([phone, all], ["mock", "gpt"]), ["test-key mock", "phone mock $", "test-key gpt $"]);
  assert.deepEqual(asked([client("wide", "openai/*")], ["openai/gpt-5"]), ["wide openai/gpt-5 $"]);
  assert.throws(() => asked([phone], ["gpt"]), /--models gpt: no client may use it; the models are mock, gpt, openai/);
});

/** What was found wrong of a gateway that answers so. */
async function askOf(answer: (path: string) => readonly [number, unknown], mayCost = true) {
  const heard: string[] = [];
  const gateway = http.createServer((request, response) => {
    heard.push(`${request.url} ${request.headers.authorization}`);
    const [status, body] = answer(request.url!);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await once(gateway.listen(0, "127.0.0.1"), "listening");
  try {
    const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
    return { findings: await askModel(url, { client: phone, model: "mock", mayCost }), heard };
  } finally {
    gateway.closeAllConnections();
    gateway.close();
  }
}
const chat = { choices: [{ message: { content: "OK" } }] };
const responses = { output: [{ type: "reasoning" }, { content: [{ type: "output_text", text: "OK" }] }] };
const well = (path: string) => [200, path === "/v1/responses" ? responses : chat] as const;

test("what costs nothing is asked for a chat completion alone: LiteLLM charges clients for a mock's responses", async () => {
  assert.deepEqual((await askOf(well, false)).heard, ["/v1/chat/completions Bearer sk-phone"]);
});

test("a model that may cost something is asked by both routes, with the client's key", async () => {
  assert.deepEqual(await askOf(well), {
    findings: [],
    heard: ["/v1/chat/completions Bearer sk-phone", "/v1/responses Bearer sk-phone"],
  });
});

for (const [what, wrong, seen, means] of [
  ["refuses", [403, { error: "not yours" }], /HTTP 403 \{"error":"not yours"\}$/, /the same/],
  ["has a budget that is spent", [402, { error: "budget" }], /HTTP 402/, /has spent its budget/],
  ["is asked too often", [429, { error: "slowly" }], /HTTP 429/, /too often/],
  ["answers without text", [200, { choices: [] }], /an answer without text: /, /the same/],
] as const)
  test(`a model that ${what} is a finding, with the route, the model and the client`, async () => {
    const { findings } = await askOf((path) => (path === "/v1/responses" ? well(path) : wrong));
    assert.equal(findings.length, 1);
    assert.match(findings[0]!.seen, /^\/v1\/chat\/completions, model mock, key of phone: /);
    assert.match(findings[0]!.seen, seen);
    assert.match(findings[0]!.means ?? "", means);
  });

test("a gateway that is not there is a finding of each route", async () => {
  const findings = await askModel("http://127.0.0.1:1", { client: phone, model: "mock", mayCost: true });
  assert.deepEqual(
    findings.map(({ seen }) => /no answer: .+/.test(seen)),
    [true, true],
  );
});
