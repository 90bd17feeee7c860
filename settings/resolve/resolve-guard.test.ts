import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused } from "../../tests/small-stack.ts";

const KINDS = "email, phone, iban, card, token, privateKey";

refused([
  inStack(
    "a kind that nothing finds",
    { guard: { mask: ["email", "name"] } },
    "guard.mask[1]",
    '"name"',
    `one of ${KINDS}`,
  ),
  inStack(
    "LiteLLM's guardrails",
    { gateway: { litellmSettings: { guardrails: [] } } },
    "gateway.litellmSettings.guardrails",
    "[]",
    "litellm-mcp:guard: 1.77.3 calls a tool with the arguments as they were where it cannot read back what a guardrail masked",
  ),
]);

test("what is refused is masked in the record of the refusal", () => {
  assert.equal(load({}).guard, undefined);
  assert.deepEqual(load({ config: { guard: { refuse: ["token"], mask: ["email", "token"] } } }).guard, {
    refused: ["token"],
    masked: ["email", "token"],
  });
});
