import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { BodyRoom, Parallel, Rate } from "./limits.ts";

test("a rate is used up at once and comes back over its minute", () => {
  mock.timers.enable({ apis: ["Date"], now: 1_000_000 });
  try {
    const rate = new Rate();
    const takes = (count: number) => Array.from({ length: count }, () => rate.take("a", 6)).filter(Boolean).length;
    assert.equal(takes(10), 6);
    assert.equal(rate.take("b", 6), true);
    mock.timers.tick(9_999);
    assert.equal(takes(3), 0);
    mock.timers.tick(1);
    assert.equal(takes(3), 1);
    mock.timers.tick(3_600_000);
    assert.equal(takes(10), 6);
    const bursts = (count: number) => Array.from({ length: count }, () => rate.take("c", 6, 20)).filter(Boolean).length;
    assert.equal(bursts(30), 20);
    mock.timers.tick(20_000);
    assert.equal(bursts(30), 2);
  } finally {
    mock.timers.reset();
  }
});

test("requests at once are counted by client, and each ends once", () => {
  const parallel = new Parallel();
  const [first, second] = [parallel.begin("a", 2)!, parallel.begin("a", 2)!];
  assert.equal(parallel.begin("a", 2), undefined);
  assert.ok(parallel.begin("b", 2));
  first();
  first();
  assert.ok(parallel.begin("a", 2));
  assert.equal(parallel.begin("a", 2), undefined);
  second();
  assert.ok(parallel.begin("a", 2));
});

test("room for bodies is taken by bytes and given back once", () => {
  const room = new BodyRoom(100);
  const back = room.take(60)!;
  assert.equal(room.take(41), undefined);
  assert.ok(room.take(40));
  back();
  back();
  assert.ok(room.take(60));
  assert.equal(room.take(1), undefined);
});
