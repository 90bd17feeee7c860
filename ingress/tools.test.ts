import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeLiteLlm, json } from "./fake-litellm.ts";
import { LiteLlm } from "./litellm.ts";
import { ToolList } from "./tools.ts";

const APART_MS = 200;

test("fresh listings that clients ask for are spaced apart, and each begins after it was asked for", async () => {
  const fake = new FakeLiteLlm();
  await fake.start();
  const litellm = new LiteLlm(fake.url, async () => {});
  try {
    let listed = 0;
    fake.answer = ({ body }, response) => {
      const { id } = body as { id: number };
      listed += 1;
      json(response, 200, { jsonrpc: "2.0", id, result: { tools: [{ name: `time-${listed}` }] } });
    };
    const tools = new ToolList(() => litellm, "sk-listing", { apartMs: APART_MS });
    const started = performance.now();
    for (let at = 1; at <= 4; at++) assert.deepEqual(await tools.get({ newer: true }), [{ name: `time-${at}` }]);
    assert.ok(performance.now() - started >= 3 * APART_MS - 5, `${performance.now() - started} ms`);
    // Those who come together share one, which none of them was too late for.
    const crowd = await Promise.all(Array.from({ length: 50 }, () => tools.get({ newer: true })));
    assert.deepEqual(new Set(crowd.map(([tool]) => tool!.name)), new Set(["time-5"]));
    assert.equal(listed, 5);
  } finally {
    await litellm.close();
    await fake.stop();
  }
});
