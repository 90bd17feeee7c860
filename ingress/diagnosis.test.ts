import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import { Diagnosis, explain } from "./diagnosis.ts";
import { FakeLiteLlm, json } from "./fake-litellm.ts";
import { LiteLlm } from "./litellm.ts";
import { Refusal } from "./refusal.ts";
import type { ClientRights } from "./rights.ts";

const client = (budget: number | null): ClientRights => ({
  name: "poor",
  keyHash: "",
  servers: {},
  models: ["paid"],
  rpm: null,
  parallel: 4,
  budget,
});
const KEY = "sk-poor";

const litellm = new FakeLiteLlm();
let upstream: LiteLlm;
let diagnosis: Diagnosis;
let spend: number;
before(() => litellm.start());
after(() => litellm.stop());
beforeEach(() => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  spend = 0;
  litellm.heard = [];
  litellm.answer = (heard, response) =>
    heard.path === "/key/info" ? json(response, 200, { info: { spend } }) : litellm.defaults(heard, response);
  upstream = new LiteLlm(litellm.url, async () => {});
  diagnosis = new Diagnosis(upstream);
});
afterEach(async () => {
  mock.timers.reset();
  await upstream.close();
});

const spent = (text: RegExp) => (error: unknown) =>
  error instanceof Refusal && error.status === 402 && error.reason === "budget" && text.test(error.message);

test("a client that asks without a pause is refused ten seconds after its budget is spent", async () => {
  await diagnosis.checkBudget(client(1), KEY);
  spend = 28;
  for (const seconds of [3, 6, 9]) {
    mock.timers.tick(3_000);
    await diagnosis.checkBudget(client(1), KEY);
    assert.equal(litellm.asked.length, 1, `LiteLLM was asked again after ${seconds} s`);
  }
  mock.timers.tick(3_000);
  await assert.rejects(
    diagnosis.checkBudget(client(1), KEY),
    spent(/^the budget of client poor is spent: 28\.0000 of 1 USD/),
  );
});

/** What LiteLLM answered to a request of this client's, as the client is told it. */
async function told(status: number, body: unknown, budget: number | null): Promise<Refusal> {
  const { answer } = litellm;
  litellm.answer = (heard, response) =>
    heard.path === "/asked" ? json(response, status, body) : answer(heard, response);
  const answered = await upstream.ask({ method: "POST", path: "/asked", key: KEY, body: {} });
  return explain(diagnosis, client(budget), KEY, answered);
}

const KEYS = "Budget has been exceeded! Key=poor (sk-...kjNw) Current cost: 28.000000000000203, Max budget: 0.001";
for (const [where, status, body] of [
  ["a model, 1.77", 400, { error: { message: "Budget has been exceeded! Current cost: 28.0, Max budget: 0.001" } }],
  ["a model, 1.106.2", 422, { error: { message: KEYS, type: "budget_exceeded", param: null, code: "422" } }],
  ["MCP, 1.106.2", 422, { detail: KEYS }],
] as const)
  test(`a budget that LiteLLM knows to be spent before its database does is 402: ${where}`, async () => {
    const refusal = await told(status, body, 0.001);
    assert.ok(spent(/^the budget of client poor is spent: 28\.0000 of 0\.001 USD/)(refusal), refusal.message);
  });

test("words about a budget that is not the client's are LiteLLM's", async () => {
  for (const [message, budget] of [
    // The budget of the whole of LiteLLM, or of a client of another gateway that is the provider here.
    ["Budget has been exceeded! Current cost: 51.0, Max budget: 50.0", 0.001],
    ["Budget has been exceeded! Current cost: 51.0, Max budget: 50.0", null],
    // A request that is too dear for what is left.
    ["Budget has been exceeded! Key=k Current cost: 0.0, Estimated request cost: 5.0, Max budget: 0.001", 0.001],
    [`litellm.BadRequestError: OpenAIException - ${KEYS}`, 0.001],
  ] as const) {
    const refusal = await told(400, { error: { message } }, budget);
    assert.equal(refusal.status, 400);
    assert.equal(refusal.message, `LiteLLM answered HTTP 400: ${message.replace(/sk-[\w-]+/g, "sk-…")}`);
  }
});
