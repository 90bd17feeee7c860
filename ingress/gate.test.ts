import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Away, Gate, type GateOptions } from "./gate.ts";

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let gate: Gate;
let alive: boolean;
let warmed: number;
let order: string[];

function make(options: Partial<GateOptions> = {}): Gate {
  alive = false;
  warmed = 0;
  order = [];
  gate = new Gate({
    alive: async () => alive,
    warm: async () => {
      warmed += 1;
      order.push("warm");
    },
    probeMs: 5,
    quietMs: 0,
    ...options,
  });
  return gate;
}
afterEach(() => gate.stop());

/** A request that notes when it goes on. */
const request = (name: string) =>
  gate.enter().then((leave) => {
    order.push(name);
    leave();
  });

test("an open gate lets requests through and counts them once, however often they leave", async () => {
  make();
  const [first, second] = [await gate.enter(), await gate.enter()];
  assert.equal(gate.running, 2);
  first();
  first();
  assert.equal(gate.running, 1);
  second();
  assert.deepEqual(
    { running: gate.running, state: gate.state, counts: gate.counts },
    { running: 0, state: "ok", counts: { held: 0, closings: 0, losses: 0 } },
  );
});

test("a restart waits for a quiet moment, unless it is forced", async () => {
  make({ quietMs: 40 });
  const leave = await gate.enter();
  assert.equal(await gate.hold(false), undefined);
  leave();
  assert.equal(await gate.hold(false), undefined, "something has just ended");
  assert.equal(gate.state, "ok");
  await pause(50);
  assert.equal(await gate.hold(false), 0);
  assert.equal(gate.state, "restarting");
});

test("held for a restart: running requests end first, new ones wait and go on after the warming", async () => {
  make();
  const leave = await gate.enter();
  let held: number | undefined;
  const holding = gate.hold(true).then((running) => (held = running));
  const waiting = [request("a"), request("b")];
  await pause(20);
  assert.deepEqual({ held, waiting: gate.waiting, running: gate.running }, { held: undefined, waiting: 2, running: 1 });
  leave();
  assert.equal(await holding, 0);
  // LiteLLM answering is not enough: whoever restarts it says when it is over.
  alive = true;
  await pause(30);
  assert.deepEqual(order, []);
  await gate.release();
  await Promise.all(waiting);
  assert.deepEqual(order, ["warm", "a", "b"]);
  assert.deepEqual(
    { state: gate.state, waiting: gate.waiting, counts: gate.counts },
    { state: "ok", waiting: 0, counts: { held: 2, closings: 1, losses: 0 } },
  );
});

test("running requests are not waited for without end", async () => {
  make({ drainMs: 20 });
  const leave = await gate.enter();
  assert.equal(await gate.hold(true), 1);
  leave();
  assert.equal(gate.running, 0);
});

test("a request is held for its time, then told that LiteLLM is away", async () => {
  make({ heldMs: 30 });
  gate.away();
  await assert.rejects(gate.enter(), Away);
  assert.deepEqual({ waiting: gate.waiting, running: gate.running }, { waiting: 0, running: 0 });
});

test("away: once for many requests, until LiteLLM answers again", async () => {
  make();
  gate.away();
  gate.away();
  assert.equal(gate.state, "away");
  const waiting = request("a");
  await pause(20);
  assert.deepEqual(order, []);
  alive = true;
  await waiting;
  assert.deepEqual(order, ["warm", "a"]);
  assert.equal(gate.counts.closings, 1);
});

test("what waits for a LiteLLM that is away waits on through the restart that follows", async () => {
  make();
  gate.away();
  const waiting = request("a");
  await gate.hold(true);
  assert.equal(gate.state, "restarting");
  // Whoever finds nobody there during the restart does not undo it.
  gate.away();
  alive = true;
  await pause(30);
  assert.deepEqual(order, []);
  await gate.release();
  await waiting;
  assert.deepEqual(
    { order, waiting: gate.waiting, closings: gate.counts.closings },
    { order: ["warm", "a"], waiting: 0, closings: 1 },
  );
});

test("who goes away without a word is lost, who announces a restart is not, nor who has not come up yet", async () => {
  make();
  gate.away();
  await gate.release();
  assert.deepEqual(gate.counts, { held: 0, closings: 1, losses: 0 });
  gate.answered();
  await gate.hold(true);
  gate.away();
  await gate.release();
  assert.deepEqual(gate.counts, { held: 0, closings: 2, losses: 0 });
  gate.away();
  await gate.release();
  assert.deepEqual(gate.counts, { held: 0, closings: 3, losses: 1 });
});

test("a restart that nobody reports as done is over when LiteLLM answers and its time has passed", async () => {
  make({ unreportedMs: 40 });
  await gate.hold(true);
  const waiting = request("a");
  alive = true;
  await pause(20);
  assert.deepEqual(order, []);
  await waiting;
  assert.deepEqual(order, ["warm", "a"]);
});

test("a warming that fails opens the gate all the same, and a release of an open gate does nothing", async () => {
  make({ warm: () => Promise.reject(new Error("no list")) });
  await gate.hold(true);
  const waiting = request("a");
  await gate.release();
  await waiting;
  await gate.release();
  assert.deepEqual({ order, state: gate.state, warmed }, { order: ["a"], state: "ok", warmed: 0 });
});

test("how long nothing has run is told, and nothing is quiet while something runs", async (context) => {
  make();
  assert.equal(gate.quietSeconds, 3_600);
  const leave = await gate.enter();
  assert.equal(gate.quietSeconds, 0);
  leave();
  context.mock.timers.enable({ apis: ["Date"], now: Date.now() + 7_500 });
  assert.equal(gate.quietSeconds, 7);
});
