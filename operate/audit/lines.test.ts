import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { AUDIT_EXAMPLES } from "../docs/security.ts";
import { linesIn, readLine } from "./lines.ts";

for (const [kind, line] of Object.entries(AUDIT_EXAMPLES))
  test(`a line ${kind}, as the ingress writes it, is read as it is`, () => {
    const { arguments: given, ...rest } = line as Record<string, unknown>;
    assert.deepEqual(
      { ...readLine(JSON.stringify(line)) },
      { ...rest, ...(given !== undefined && { arguments: given }) },
    );
  });

for (const [what, text] of [
  ["half a line", JSON.stringify(AUDIT_EXAMPLES.call).slice(0, 80)],
  ["a line of something else", '{"audit":"key","id":"1"}'],
  ["a time that cannot be compared", JSON.stringify({ ...AUDIT_EXAMPLES.call, time: "yesterday" })],
  ["no object", "[]"],
  ["nothing", ""],
] as const)
  test(`${what} is no line`, () => assert.equal(readLine(text), undefined));

async function lines(...pieces: Buffer[]): Promise<string[]> {
  const each = async function* () {
    yield* pieces;
  };
  return Readable.from(linesIn(each())).toArray() as Promise<string[]>;
}

test("lines end where they end, and nowhere else: not at U+2028, which JSON has within a string", async () => {
  const text = `${JSON.stringify({ a: "one\u2028two\u2029three\rfour" })}\n\n{"b":"für 🙂"}\nhalf`;
  const bytes = Buffer.from(text);
  for (let at = 0; at <= bytes.length; at += 1)
    assert.deepEqual(await lines(bytes.subarray(0, at), bytes.subarray(at)), text.split("\n"));
});
