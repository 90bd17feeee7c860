import assert from "node:assert/strict";
import { test } from "node:test";
import { type DiskFacts, judgeDisk } from "./disk.ts";

/** A disk of which 5 % are kept for root, as ext4 does. */
const disk = (usedPercent: number, more: Partial<DiskFacts> = {}): DiskFacts => {
  const used = usedPercent * 95;
  return { blocks: 10_000, bfree: 10_000 - used, bavail: 9_500 - used, files: 1_000, ffree: 900, ...more };
};

test("a disk with room is fine, also one that has no number of inodes", () => {
  assert.equal(judgeDisk(disk(89), false), undefined);
  assert.equal(judgeDisk(disk(50, { files: 0, ffree: 0 }), false), undefined);
});

test("one that is nearly full is said, in the per cent that df shows", () => {
  assert.match(judgeDisk(disk(90), false)!, /^the disk that has Docker's volumes is 90 % full: when it is full, calls/);
  assert.match(judgeDisk(disk(100), false)!, / is 100 % full:/);
});

test("inodes that are used up are said", () => {
  assert.match(judgeDisk(disk(10, { ffree: 10 }), false)!, / is 10 % full, and 99 % of its inodes are used:/);
});

test("what was nearly full has room again a little later", () => {
  assert.match(judgeDisk(disk(89), true)!, /89 % full/);
  assert.equal(judgeDisk(disk(87), true), undefined);
});
