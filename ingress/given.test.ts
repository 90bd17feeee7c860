import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { Given } from "./given.ts";
import { Refusal } from "./refusal.ts";

const answer = {
  id: "resp_1",
  previous_response_id: "resp_0",
  output: [
    { type: "reasoning", id: "rs_1" },
    { type: "local_shell_call", id: "lsh_1", call_id: "call_1" },
  ],
};
const continued = (previous_response_id: string) => ({ input: "Hello", previous_response_id });
const conversation = (...input: object[]) => ({ input });
const refused = (message: RegExp) => (error: unknown) =>
  error instanceof Refusal && error.status === 400 && message.test(error.message);

test("an answer is continued by the client that was given it, and by no other", () => {
  const given = new Given();
  given.remember("a", answer);
  assert.deepEqual(given.own("a", continued("resp_1")), continued("resp_1"));
  for (const [client, id] of [
    ["b", "resp_1"],
    // Not given to it: LiteLLM's id for the provider's, the one before, an object's own property.
    ["a", "resp_2"],
    ["a", "resp_0"],
    ["constructor", "resp_1"],
  ] as const)
    assert.throws(
      () => given.own(client, continued(id)),
      refused(new RegExp(`^previous_response_id: since its last start this gateway has not given client ${client} an`)),
    );
});

test("items keep the ids that the client was given; others are left out, or refused where an item is nothing else", () => {
  const given = new Given();
  given.remember("a", answer);
  const sent = conversation(
    { type: "reasoning", id: "rs_1", summary: [] },
    { type: "item_reference", id: "rs_1" },
    { type: "local_shell_call_output", id: "call_1", output: "x" },
    { role: "user", content: "Hello" },
  );
  assert.deepEqual(given.own("a", sent), sent);
  assert.deepEqual(
    given.own(
      "b",
      conversation({ type: "reasoning", id: "rs_1", summary: [], encrypted_content: "x" }, { role: "user" }),
    ),
    conversation({ type: "reasoning", summary: [], encrypted_content: "x" }, { role: "user" }),
  );
  for (const type of ["item_reference", "image_generation_call", "code_interpreter_call", "file_search_call"])
    assert.throws(
      () => given.own("b", conversation({ role: "user" }, { type, id: "rs_1" })),
      refused(/^input\[1\]\.id: since its last start this gateway has not given client b an item with this id/),
    );
});

test("a stream comes through as it is, cut anywhere, and its ids are remembered", async () => {
  const given = new Given();
  const events = [
    { type: "response.created", response: { id: "resp_ü", output: [] } },
    { type: "response.output_item.added", item: { type: "message", id: "msg_1" } },
    { type: "response.completed", response: { id: "resp_2", output: [{ id: "msg_2" }] } },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  const whole = Buffer.from(`${events.join("")}data: [DONE]\n\n`);
  const bytes = Array.from(whole, (byte) => Buffer.from([byte]));
  assert.equal(await text(Readable.from(bytes).pipe(given.watch("a"))), whole.toString());
  for (const id of ["resp_ü", "resp_2"]) given.own("a", continued(id));
  given.own("a", conversation({ type: "item_reference", id: "msg_1" }, { type: "item_reference", id: "msg_2" }));
});

test("the latest ids of each client are remembered, and those that it uses", () => {
  const given = new Given(3);
  for (const id of ["1", "2", "3"]) given.remember("a", { id });
  given.own("a", continued("1"));
  for (const id of ["4", "5"]) given.remember("a", { id });
  for (const id of ["9", "10", "11", "12"]) given.remember("b", { id });
  for (const id of ["1", "4", "5"]) given.own("a", continued(id));
  for (const id of ["2", "3"]) assert.throws(() => given.own("a", continued(id)), Refusal);
});
