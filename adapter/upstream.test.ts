import assert from "node:assert/strict";
import { syncBuiltinESMExports } from "node:module";
import { setImmediate } from "node:timers/promises";
import { test } from "node:test";
import { Upstream, type UpstreamOptions } from "./upstream.ts";

for (const [again, least, most] of [
  ["started", 7, 9],
  ["connected to", 25, 35],
] as const satisfies readonly (readonly [UpstreamOptions["again"], number, number])[])
  test(`one that is away for two minutes is ${again} ${least} to ${most} times`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    // What was imported from node:timers/promises becomes the mock's, too.
    syncBuiltinESMExports();
    t.after(() => {
      t.mock.timers.reset();
      syncBuiltinESMExports();
    });
    let attempts = 0;
    const upstream = new Upstream({
      name: "house",
      lock: "everything",
      limits: { atOnce: 1, waiting: 1 },
      again,
      connect: (events) => {
        attempts += 1;
        queueMicrotask(() => events.onEnd("it cannot be reached: ECONNREFUSED"));
        return { send: () => true, stop: () => Promise.resolve() };
      },
    });
    upstream.start();
    for (let seconds = 0; seconds < 120; seconds += 0.5) {
      // What follows from one pause comes before the next.
      for (let turn = 0; turn < 5; turn++) await setImmediate();
      t.mock.timers.tick(500);
    }
    await upstream.stop();
    assert.ok(attempts >= least && attempts <= most, `${attempts} attempts`);
  });
