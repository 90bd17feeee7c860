import assert from "node:assert/strict";
import { test } from "node:test";
import { addressProblem, freeSubnets } from "./address-pools.ts";

const small = [{ Base: "10.0.0.0/22", Size: 24 }];
/** Docker's own subnets, from the first on. */
const used = (count: number) =>
  [
    ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`),
    ...Array.from({ length: 16 }, (_, index) => `192.168.${16 * index}.0/20`),
  ].slice(0, count);
const host = (taken: readonly string[], engine = "28.2.2") => ({ engine, pools: undefined, taken });

test("a pool has as many subnets as fit, without those that overlap what is there", () => {
  assert.equal(freeSubnets(small, []), 4);
  assert.equal(freeSubnets(small, ["10.0.1.0/24", "10.0.2.128/25", "10.9.0.0/24", "fd00::/64"]), 2);
  assert.equal(freeSubnets(small, ["10.0.0.0/8"]), 0);
  assert.equal(freeSubnets([...small, { Base: "fd00::/56", Size: 64 }], []), 4);
});

test("of Docker's own pools 31 networks can be made", () => {
  const networks = Array.from({ length: 31 }, (_, index) => `n${index}`);
  assert.equal(addressProblem(host([]), networks), undefined);
  assert.match(addressProblem(host([]), [...networks, "one-more"])!, /addresses for 31 more networks/);
});

test("a stack for whose networks there are no addresses is told how many, which, and two ways out", () => {
  assert.equal(addressProblem(host(used(29)), ["litellm-mcp-net", "postgres-net"]), undefined);
  const problem = addressProblem(host(used(30)), ["litellm-mcp-net", "postgres-net"])!;
  assert.match(problem, /for 1 more networks, and the stack makes 2 \(litellm-mcp-net, postgres-net\); 30 are there/);
  assert.match(problem, /docker network prune/);
  assert.match(problem, /default-address-pools/);
});

test("a stack whose networks are there needs none", () => {
  assert.equal(addressProblem(host(used(31)), []), undefined);
});

test("the pools of daemon.json count, and those of an unknown Docker are not guessed", () => {
  const taken = used(31);
  assert.equal(addressProblem({ engine: "28.2.2", pools: small, taken }, ["a", "b", "c", "d"]), undefined);
  assert.match(addressProblem({ engine: "28.2.2", pools: small, taken }, ["a", "b", "c", "d", "e"])!, /for 4 more/);
  assert.equal(addressProblem(host(taken, "29.1.0"), ["a"]), undefined);
});
