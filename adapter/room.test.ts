import assert from "node:assert/strict";
import { test } from "node:test";
import { Room } from "./room.ts";

test("what one gives back, another may have", () => {
  const room = new Room(10);
  const [one, two] = [room.share(), room.share()];
  assert.ok(one(6));
  assert.ok(two(4));
  assert.ok(!two(5));
  assert.ok(one(0));
  assert.ok(two(10));
  assert.ok(!one(1));
});
