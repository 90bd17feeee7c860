import assert from "node:assert/strict";
import { test } from "node:test";
import { atLeast } from "./version.ts";

const cases: readonly [version: string, minimum: string, expected: boolean][] = [
  ["v3.250.0", "3.200.0", true],
  ["v3.200.0", "3.200.0", true],
  ["v3.99.1", "3.200.0", false],
  ["4.0.0", "3.200.0", true],
  ["go1.26.8", "1.26.0", true],
  ["go1.9", "1.26.0", false],
  ["go1.27rc1", "1.26", true],
  ["v3.200.0-alpha.1", "3.200.0", true],
  ["", "1.26.0", false],
];

for (const [version, minimum, expected] of cases)
  test(`"${version}" ${expected ? "is" : "is not"} at least ${minimum}`, () =>
    assert.equal(atLeast(version, minimum), expected));
