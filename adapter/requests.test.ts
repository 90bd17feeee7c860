import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { Json } from "./messages.ts";
import { Failed, Requests } from "./requests.ts";

/** Requests to a server that only listens; the test answers in its place. */
function requestsOf(limits = { atOnce: 2, waiting: 1 }) {
  const sent: Json[] = [];
  const requests = new Requests("example", limits, (message) => sent.push(message as Json) > 0);
  const ask = (more: Partial<Parameters<Requests["ask"]>[0]> = {}) =>
    requests.ask({ method: "tools/call", params: { name: "a" }, seconds: 5, ...more });
  const ids = () => sent.map(({ id }) => id as number);
  return { sent, requests, ask, ids };
}

const failure = (reason: Failed["reason"]) => (error: unknown) => error instanceof Failed && error.reason === reason;

test("answers find their question in any order, each once", async () => {
  const { requests, ask, ids } = requestsOf();
  const [first, second] = [ask(), ask()];
  const [one, two] = ids();
  assert.ok(requests.answer({ id: two, result: { is: "second" } }));
  assert.ok(requests.answer({ id: two, result: { is: "again" } }));
  assert.ok(requests.answer({ id: one, error: { code: -1, message: "first", data: { a: [1] } } }));
  assert.deepEqual(await second.outcome, { result: { is: "second" } });
  assert.deepEqual(await first.outcome, { error: { code: -1, message: "first", data: { a: [1] } } });
});

test("answers to what was never asked answer nobody", () => {
  const { requests, ask, ids } = requestsOf();
  ask().outcome.catch(() => {});
  for (const id of [ids()[0]! + 1, "1", 0, -1, 0.5, null, undefined, {}, "__proto__"])
    assert.equal(requests.answer({ id, result: {} }), false, `answered ${JSON.stringify(id)}`);
  assert.equal(requests.running, 1);
});

test("answers that are none become errors", async () => {
  for (const answer of [{}, { result: [] }, { result: "yes" }, { error: "no" }, { error: { code: "x" } }]) {
    const { requests, ask, ids } = requestsOf();
    const { outcome } = ask();
    requests.answer({ id: ids()[0], ...answer });
    const ended = await outcome;
    assert.ok("error" in ended && Number.isInteger(ended.error.code) && ended.error.message);
  }
});

test("so many run, so many wait, and the rest is told at once", async () => {
  const { requests, ask, ids } = requestsOf();
  const asked = [ask(), ask(), ask()];
  await assert.rejects(ask().outcome, failure("busy"));
  assert.equal(ids().length, 2);
  assert.deepEqual([requests.running, requests.waiting], [2, 1]);
  requests.answer({ id: ids()[1], result: {} });
  assert.equal(ids().length, 3);
  for (const id of ids()) requests.answer({ id, result: {} });
  await Promise.all(asked.map(({ outcome }) => outcome));
  assert.deepEqual([requests.running, requests.waiting], [0, 0]);
});

test("what is late or cancelled is cancelled at the server, if it was sent, and makes room", async () => {
  const { requests, ask, sent } = requestsOf({ atOnce: 1, waiting: 5 });
  const late = ask({ seconds: 0.02 });
  const waiting = ask();
  const next = ask();
  waiting.cancel();
  await assert.rejects(waiting.outcome, failure("cancelled"));
  await assert.rejects(late.outcome, failure("late"));
  next.cancel("no more");
  next.cancel("twice");
  await assert.rejects(next.outcome, failure("cancelled"));
  assert.deepEqual(
    sent.map(({ method, id, params }) => (method === "tools/call" ? id : params)),
    [
      1,
      {
        requestId: 1,
        reason:
          "the MCP server example did not answer the call within 0.02 s; whether it did what was asked is unknown",
      },
      3,
      { requestId: 3, reason: "no more" },
    ],
  );
  assert.equal(requests.running, 0);
  assert.ok(requests.answer({ id: 1, result: {} }), "a late answer was asked for");
});

test("progress goes to its own request, and to none that has ended", async () => {
  const { requests, ask, sent } = requestsOf();
  const heard: unknown[] = [];
  const { outcome } = ask({
    params: { name: "a", _meta: { progressToken: "mine", more: 1 } },
    onProgress: (said) => heard.push(said),
  });
  ask().outcome.catch(() => {});
  assert.deepEqual(sent[0]?.params, { name: "a", _meta: { progressToken: 1, more: 1 } });
  requests.progress({ progressToken: 1, progress: 1, message: "half" });
  requests.progress({ progressToken: 2, progress: 1 });
  requests.progress({ progressToken: "mine", progress: 1 });
  requests.answer({ id: 1, result: {} });
  requests.progress({ progressToken: 1, progress: 2 });
  await outcome;
  assert.deepEqual(heard, [{ progress: 1, message: "half" }]);
});

test("whoever waits for an answer that cannot be read is told, however its line is written", async () => {
  for (const edges of [
    '{"jsonrpc":"2.0","id":1,"result":{"content":\nxxxx"}]}}',
    '{"jsonrpc": "2.0", "id": 1, "result": {\n}}',
    '{"result":{"content":[{"text":"xxx\nxxx"}]},"jsonrpc":"2.0","id":1}',
    '{"result":{\n}, "id": 1, "jsonrpc": "2.0"}',
  ]) {
    const { requests, ask } = requestsOf();
    const { outcome } = ask();
    requests.unreadable("too long", '{"jsonrpc":"2.0","id":7,"result":{}}');
    requests.unreadable("too long", edges);
    await assert.rejects(outcome, failure("too_large"), edges);
  }
});

test("when the server goes, what it had may be done and what waited was not sent", async () => {
  const { requests, ask } = requestsOf({ atOnce: 1, waiting: 1 });
  const [had, waited] = [ask(), ask()];
  requests.end("it ended", () => new Failed("away", "away"));
  await assert.rejects(had.outcome, failure("died"));
  await assert.rejects(waited.outcome, failure("away"));
  await pause(1);
  assert.deepEqual([requests.running, requests.waiting], [0, 0]);
});

test("a server that does not read is said to be so", async () => {
  const requests = new Requests("example", { atOnce: 1, waiting: 1 }, () => false);
  await assert.rejects(requests.ask({ method: "ping", seconds: 1 }).outcome, failure("unread"));
  assert.equal(requests.running, 0);
});
