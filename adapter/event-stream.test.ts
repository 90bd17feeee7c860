import assert from "node:assert/strict";
import { test } from "node:test";
import { EventStream } from "./event-stream.ts";

function eventsOf(most: number, chunks: readonly Buffer[]) {
  const seen: unknown[] = [];
  const events = new EventStream(
    most,
    (name, data) => seen.push([name, data.toString()]),
    ({ head, tail, bytes }) => seen.push({ head: head.toString(), tail: tail.toString(), bytes }),
  );
  for (const chunk of chunks) events.feed(chunk);
  return seen;
}

const LINES = [
  ...["event: endpoint", "data: /messages?a=1", ""],
  ...[": a comment", "", "", "id: 5", "retry: 10", ""],
  ...["data:no space", "data:  two: colons", "data", "unknown: x", ""],
  ...["event", "data:", ""],
  ...["event: message", `data: "${"é".repeat(50)}"`, ""],
  ...[`data: ${"x".repeat(2_000)}y`, ""],
  ...[...Array.from({ length: 300 }, () => "data: 0123456789"), ""],
  ...["data: after it", ""],
  "data: half an event",
];
const SEEN = [
  ["endpoint", "/messages?a=1"],
  ["message", "no space\n two: colons\n"],
  ["message", ""],
  ["message", `"${"é".repeat(50)}"`],
  { head: "x".repeat(506), tail: `${"x".repeat(511)}y`, bytes: 2_001 },
  { head: "0123456789\n".repeat(50).slice(0, 512), tail: "0123456789\n".repeat(50).slice(-513, -1), bytes: 3_299 },
  ["message", "after it"],
];

for (const [name, newline] of [
  ["LF", "\n"],
  ["CRLF", "\r\n"],
  ["CR", "\r"],
] as const)
  test(`lines that end with ${name}: events are the same however the stream is cut`, () => {
    const bytes = Buffer.from(LINES.map((line) => `${line}${newline}`).join(""));
    assert.deepEqual(eventsOf(1_000, [bytes]), SEEN);
    for (let seed = 1; seed < 100; seed++) {
      const chunks: Buffer[] = [];
      for (let at = 0, step = seed; at < bytes.length; at += step, step = (step * 31 + seed) % 97 || 1)
        chunks.push(bytes.subarray(at, at + step));
      assert.deepEqual(eventsOf(1_000, chunks), SEEN, `seed ${seed}`);
    }
  });

test("of events without an end no more is held than of one, whatever they are made of", () => {
  for (const part of ["x", "data: x\n", "data\n", ": comment\n", "event: x\n"]) {
    const events = new EventStream(
      2 ** 17,
      () => assert.fail(),
      () => assert.fail(),
    );
    events.feed(Buffer.from("data: "));
    const before = process.memoryUsage();
    // As many small pieces, each a buffer of its own.
    for (let piece = 0; piece < 300_000; piece++) events.feed(Buffer.from(part));
    const after = process.memoryUsage();
    const grown = after.arrayBuffers + after.heapUsed - before.arrayBuffers - before.heapUsed;
    assert.ok(grown < 32 * 2 ** 20, `${JSON.stringify(part)}: ${grown} bytes`);
  }
});
