import assert from "node:assert/strict";
import { test } from "node:test";
import { goDuration, serviceContainer } from "./container.ts";
import { valueOf } from "../../tests/mocks.ts";

test("durations are written as the Docker daemon answers them", () => {
  assert.deepEqual([5, 60, 90, 3600, 3725].map(goDuration), ["5s", "1m0s", "1m30s", "1h0m0s", "1h2m5s"]);
});

test("up stops a container as docker stop does, and does not kill it; how long that may take is Docker's, or its own", () => {
  const of = (stopSeconds?: number) => {
    const { destroyGraceSeconds, stopTimeout } = serviceContainer({
      ...{ containerName: "mcp-x", image: "sha256:1", env: {}, networks: [], memoryMiB: 128, health: undefined },
      ...(stopSeconds !== undefined && { stopSeconds }),
    });
    return [destroyGraceSeconds, stopTimeout];
  };
  assert.deepEqual(
    [of(), of(65)],
    [
      [10, undefined],
      [65, 65],
    ],
  );
});

test("every container is hardened, bounded and labelled", async () => {
  const args = serviceContainer({
    containerName: "mcp-x",
    image: "sha256:1",
    env: { B: "2", A: "1" },
    networks: [{ id: "n", aliases: ["mcp-x"] }],
    ports: [
      { ip: "10.0.0.1", external: 2, internal: 9 },
      { ip: "10.0.0.1", external: 1, internal: 8 },
    ],
    capabilities: ["CAP_SETUID", "CAP_CHOWN"],
    processes: 64,
    writableTmpMiB: 64,
    cpuShares: 128,
    memoryMiB: 128,
    stopSeconds: 65,
    health: { test: ["CMD", "true"], intervalSeconds: 10, timeoutSeconds: 20, retries: 3, startPeriodSeconds: 120 },
  });
  assert.deepEqual(await valueOf(args.envs), ["A=1", "B=2"]);
  assert.deepEqual(
    { ...args, envs: undefined },
    {
      name: "mcp-x",
      image: "sha256:1",
      envs: undefined,
      networksAdvanced: [{ name: "n", aliases: ["mcp-x"] }],
      ports: [
        { ip: "10.0.0.1", external: 1, internal: 8 },
        { ip: "10.0.0.1", external: 2, internal: 9 },
      ],
      ulimits: [{ name: "nproc", soft: 64, hard: 64 }],
      readOnly: true,
      tmpfs: { "/tmp": "size=64m,mode=1777" },
      restart: "always",
      init: true,
      capabilities: { drops: ["ALL"], adds: ["CAP_CHOWN", "CAP_SETUID"] },
      securityOpts: ["no-new-privileges:true"],
      memory: 128,
      memorySwap: 128,
      cpuShares: 128,
      destroyGraceSeconds: 65,
      stopTimeout: 65,
      logDriver: "json-file",
      logOpts: { "max-size": "20m", "max-file": "5" },
      labels: [
        { label: "logging", value: "enabled" },
        { label: "project", value: "litellm" },
      ],
      healthcheck: { tests: ["CMD", "true"], interval: "10s", timeout: "20s", startPeriod: "2m0s", retries: 3 },
    },
  );
});
