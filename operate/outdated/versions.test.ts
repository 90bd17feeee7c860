import assert from "node:assert/strict";
import { test } from "node:test";
import { isNewer, newestTag } from "./versions.ts";

test("versions are compared by their numbers, one after the other", () => {
  for (const [version, than] of [
    ["1.10.0", "1.9.9"],
    ["2026.10.19", "2026.8.31"],
    ["v1.9.1", "v1.9.0"],
    ["2.0", "1.99.99"],
    ["1.2.1", "1.2"],
  ] as const) {
    assert.ok(isNewer(version, than), `${version} ${than}`);
    assert.ok(!isNewer(than, version), `${than} ${version}`);
  }
  for (const [a, b] of [
    ["1.2.0", "1.2"],
    ["1.0.0-beta", "1.0.0"],
    ["latest", "edge"],
  ] as const)
    assert.ok(!isNewer(a, b) && !isNewer(b, a), `${a} ${b}`);
});

test("a tag goes on with tags of its own form", () => {
  const tags = ["latest", "17", "17.7", "18.1-alpine", "17.6-trixie", "17.7-trixie", "18.0-trixie", "v19.0-trixie"];
  assert.equal(newestTag("17.6-trixie", tags), "18.0-trixie");
  assert.equal(newestTag("17.6", tags), "17.7");
  assert.equal(newestTag("v1.9.0", ["v1.9.0", "v1.10.0", "1.11.0", "v2.0.0-rc.1"]), "v1.10.0");
});

test("a tag that is the newest of its form, or that the registry has no more, stays", () => {
  assert.equal(newestTag("0.3.0", ["0.2.0", "0.3.0"]), "0.3.0");
  assert.equal(newestTag("0.3.0", []), "0.3.0");
});

test("-stable is no other form: LiteLLM has given it up", () => {
  const tags = ["v1.77.3-stable", "v1.83.14-stable", "v1.106.2", "v1.107.0-nightly", "v1.107.0.rc.1", "main-v1.108.0"];
  assert.equal(newestTag("v1.77.3-stable", tags), "v1.106.2");
  assert.equal(newestTag("v1.106.2", tags), "v1.106.2");
});

test("a tag without a number cannot be compared", () => assert.equal(newestTag("latest", ["1.0.0"]), undefined));
