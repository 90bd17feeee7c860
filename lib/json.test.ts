import assert from "node:assert/strict";
import { test } from "node:test";
import { BadJson, MOST_DEPTH, MOST_PARTS, parseBody } from "./json.ts";

const parse = (text: string) => parseBody(Buffer.from(text));
const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;

test("what is JSON is read as it is", () => {
  assert.deepEqual(parse('{"a":[1,-2.5,"x\\u0041\\"]}",null,true],"":{"constructor":1}}'), {
    a: [1, -2.5, 'xA"]}', null, true],
    "": { constructor: 1 },
  });
  assert.equal(parse(" 7 "), 7);
});

test("a key that is there twice goes on once, with what was checked", () => {
  assert.equal(JSON.stringify(parse('{"name":"a","n\\u0061me":"b"}')), '{"name":"b"}');
});

test("whole numbers beyond JavaScript's go on as they were written", () => {
  const text = '{"id":12345678901234567890,"small":9007199254740991}';
  assert.equal(JSON.stringify(parse(text)), text);
});

for (const [what, text, message] of [
  ["nothing", "", /not JSON/],
  ["an open bracket", "{", /not JSON/],
  ["a second value", "{}{}", /not JSON/],
  ["NaN, which Python reads", '{"a":NaN}', /not JSON/],
  ["a comment", '{/**/"a":1}', /not JSON/],
  ["a number that is infinite", '{"a":1e999}', /too large/],
  ["__proto__", '{"a":{"__proto__":{"b":1}}}', /__proto__ is not allowed/],
  ["__proto__ in escapes", '{"__pr\\u006fto__":1}', /__proto__ is not allowed/],
  ["a byte order mark", "\ufeff{}", /not JSON/],
  ["one level too many", nested(MOST_DEPTH + 1), /nested 65 deep; at most 64/],
  ["100,000 levels", nested(100_000), /nested 100000 deep/],
  ["levels behind a bracket in a text", `{"a":"]]]\\"]","b":${nested(MOST_DEPTH)}}`, /nested 65 deep/],
  ["closing brackets first", `${"]".repeat(100)}${"[".repeat(100)}`, /not JSON/],
  ["too many lists", `[${"[],".repeat(MOST_PARTS)}0]`, /at most 250000/],
  ["too many keys", `{${Array.from({ length: MOST_PARTS }, (_, at) => `"${at}":0`).join(",")}}`, /at most 250000/],
] as const)
  test(`refused: ${what}`, () =>
    assert.throws(
      () => parse(text),
      (error) => error instanceof BadJson && message.test(error.message),
    ));

test("8 MiB of numbers keep nobody waiting for seconds", () => {
  const body = Buffer.from(`[${"1,".repeat(4_000_000)}1]`);
  const started = performance.now();
  parseBody(body);
  const milliseconds = performance.now() - started;
  assert.ok(milliseconds < 1_500, `${milliseconds} ms`);
  assert.throws(
    () => parseBody(Buffer.from(`[${"1,".repeat(4_000_000)}12345678901234567890]`)),
    /beyond 2\^53 among 4000000 values/,
  );
});

test("brackets in texts are no levels, and numbers are no parts", () => {
  assert.equal(parse(`"${"[".repeat(1_000)}"`), "[".repeat(1_000));
  assert.doesNotThrow(() => parse(nested(MOST_DEPTH)));
  assert.equal((parse(`[${"1,".repeat(1_000_000)}1]`) as unknown[]).length, 1_000_001);
});

for (const [what, bytes] of [
  ["UTF-16", Buffer.from('{"a":1}', "utf16le")],
  ["UTF-16 with its mark", Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('{"a":1}', "utf16le")])],
  ["an overlong quote", Buffer.from([0x7b, 0xc0, 0xa2, 0x7d])],
  ["half a character", Buffer.from([0x22, 0xe2, 0x82, 0x22])],
  ["a surrogate as bytes", Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
  ["Latin 1", Buffer.from('"\u00e9"', "latin1")],
] as const)
  test(`refused: ${what}`, () => assert.throws(() => parseBody(bytes), BadJson));
