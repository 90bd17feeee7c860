import assert from "node:assert/strict";
import { test } from "node:test";
import { Lines } from "./lines.ts";

function linesOf(most: number, chunks: readonly Buffer[]) {
  const seen: (string | { head: string; tail: string; bytes: number })[] = [];
  const lines = new Lines(
    most,
    (line) => seen.push(line.toString()),
    ({ head, tail, bytes }) => seen.push({ head: head.toString(), tail: tail.toString(), bytes }),
  );
  for (const chunk of chunks) lines.feed(chunk);
  return seen;
}

test("lines are the same however the stream is cut", () => {
  const text = `one\n\ntwo ${"é".repeat(50)}\n${"x".repeat(2_000)}y\nthree\nhalf a li`;
  const bytes = Buffer.from(text);
  const whole = linesOf(1_000, [bytes]);
  assert.deepEqual(whole, [
    "one",
    "",
    `two ${"é".repeat(50)}`,
    { head: "x".repeat(512), tail: `${"x".repeat(511)}y`, bytes: 2_001 },
    "three",
  ]);
  for (let seed = 1; seed < 200; seed++) {
    const chunks: Buffer[] = [];
    for (let at = 0, step = seed; at < bytes.length; at += step, step = (step * 31 + seed) % 97 || 1)
      chunks.push(bytes.subarray(at, at + step));
    assert.deepEqual(linesOf(1_000, chunks), whole, `seed ${seed}`);
  }
});

test("of a line that never ends, both ends are all that is held", () => {
  const lines = new Lines(
    10_000,
    () => assert.fail(),
    () => assert.fail(),
  );
  const chunk = Buffer.alloc(65_536, "x");
  const before = process.memoryUsage();
  for (let at = 0; at < 4_000; at++) lines.feed(chunk);
  const after = process.memoryUsage();
  assert.ok(after.arrayBuffers - before.arrayBuffers < 32 * 2 ** 20, "250 MiB went by");
});
