import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE, inStack, load, refused } from "../../tests/small-stack.ts";

refused([
  inStack("image tag latest", { redis: { image: "redis:latest" } }, "redis.image", '"redis:latest"', IMAGE),
  inStack(
    "a cache that keeps nothing",
    { redis: { cacheSeconds: 0 } },
    "redis.cacheSeconds",
    "0",
    "seconds, a whole number from 1 to 2592000",
  ),
  inStack(
    "LiteLLM's own setting",
    { gateway: { litellmSettings: { cache: true } } },
    "gateway.litellmSettings.cache",
    "true",
    "litellm-mcp:redis, with cacheSeconds",
  ),
]);

test("Redis is there when the stack says so, also without a word more", () => {
  assert.equal(load({}).redis, undefined);
  const made = {
    image: "redis:8.0-trixie",
    memoryMiB: 128,
    cacheSeconds: undefined,
    host: "redis",
    container: "lab-redis",
    network: "lab-redis-net",
  };
  for (const redis of [{}, null]) assert.deepEqual(load({ config: { redis, namePrefix: "lab-" } }).redis, made);
});
