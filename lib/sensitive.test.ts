import assert from "node:assert/strict";
import { test } from "node:test";
import { findSensitive, maskSensitive, SENSITIVE_KINDS, type Sensitive } from "./sensitive.ts";

const KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+/=\n-----END RSA PRIVATE KEY-----";
const examples: readonly (readonly [Sensitive, string])[] = [
  ["email", "jane.doe+x@mail.example.org"],
  ["phone", "+49 (170) 123-45 67"],
  ["iban", "DE89 3704 0044 0532 0130 00"],
  ["iban", "GB29NWBK60161331926819"],
  ["card", "4111 1111 1111 1111"],
  ["card", "378282246310005"],
  ["token", "sk-ant-api03-abcdefghijkl"],
  ["token", "ghp_abcdefghijklmnopqrstuvwxyz0123456789"],
  ["token", "AKIAIOSFODNN7EXAMPLE"],
  ["token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh123"],
  ["privateKey", KEY],
];

test("each kind is found, and masked with its name, wherever it is", () => {
  for (const [kind, text] of examples) {
    const value = { list: [1, { note: `before ${text} after` }], [text]: true };
    assert.equal(findSensitive(value, SENSITIVE_KINDS), kind, text);
    assert.deepEqual(maskSensitive(value, [kind]), {
      list: [1, { note: `before [${kind}] after` }],
      [`[${kind}]`]: true,
    });
  }
  assert.deepEqual(maskSensitive({ number: 4111111111111111 }, ["card"]), { number: "[card]" });
});

test("what only looks alike stays", () => {
  const value = {
    time: 1_763_800_000_000,
    iso: "2026-11-22T01:28:08.210575Z",
    uuid: "b88b2ddf-d15f-47e7-a8f9-49384433afff",
    hash: "42d65c49b28e69583e07326ee20bc0b121bf2c171a0329c0f749370bf8356c40",
    at: "user@host",
    sum: "1 + 2 = 3",
    path: "/srv/git/sk-learn",
    none: null,
    yes: true,
  };
  assert.equal(findSensitive(value, SENSITIVE_KINDS), undefined);
  assert.deepEqual(maskSensitive(value, SENSITIVE_KINDS), value);
});

test("8 MiB of what nearly matches take no minutes", () => {
  for (const piece of ["a", "a.", "+1", "4111-", "AB12 ", "-----BEGIN PRIVATE KEY-----"]) {
    const text = piece.repeat(Math.ceil((8 * 2 ** 20) / piece.length));
    const started = process.cpuUsage();
    maskSensitive(text, SENSITIVE_KINDS);
    const { user } = process.cpuUsage(started);
    assert.ok(user < 3_000_000, `${piece}: ${user / 1000} ms`);
  }
});
