import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE, inStack, KEY, load, refused } from "../../tests/small-stack.ts";

test("Prometheus is there when the stack says so, also without a word more", () => {
  assert.equal(load({}).monitoring, undefined);
  const names = {
    ...{ container: "lab-prometheus", network: "lab-monitoring-net", volume: "lab-prometheus-data" },
    alertsNetwork: undefined,
  };
  for (const monitoring of [{}, null])
    assert.deepEqual(load({ config: { monitoring, namePrefix: "lab-" } }).monitoring, {
      ...{ image: "prom/prometheus:v3.11.3", days: 30, mib: 512, memoryMiB: 256 },
      ...names,
    });
  const asked = { image: "prom/prometheus:v3.12.0", days: 90, mib: 2048, memory: 512 };
  const { memory, ...rest } = asked;
  assert.deepEqual(load({ config: { monitoring: { ...asked, port: 9091 }, namePrefix: "lab-" } }).monitoring, {
    ...{ ...rest, memoryMiB: memory },
    ...names,
  });
});

test("it has a way to the scheduled check where that tells somebody", () => {
  const alert = { url: "http://192.168.1.30:8080/alerts" };
  const network = (scheduledCheck: unknown) =>
    load({ config: { monitoring: {}, scheduledCheck, namePrefix: "lab-" } }).monitoring?.alertsNetwork;
  assert.equal(network({ alert }), "lab-alerts-net");
  assert.equal(network({}), undefined);
  assert.equal(network({ enabled: false, alert }), undefined);
});

test("its port is on the host's loopback alone, whatever the address of the LAN", () => {
  const { publishedPorts } = load({ config: { monitoring: { port: 9091 }, lan: { address: "192.168.1.10" } } });
  assert.deepEqual(
    publishedPorts.filter(({ container }) => container === "prometheus"),
    [{ setting: "litellm-mcp:monitoring.port", address: "127.0.0.1", port: 9091, container: "prometheus" }],
  );
  assert.ok(!load({}).publishedPorts.some(({ container }) => container === "prometheus"));
});

refused([
  inStack(
    "image tag latest",
    { monitoring: { image: "prom/prometheus:latest" } },
    "monitoring.image",
    '"prom/prometheus:latest"',
    IMAGE,
  ),
  inStack(
    "figures for no day",
    { monitoring: { days: 0 } },
    "monitoring.days",
    "0",
    "days, a whole number from 1 to 3650",
  ),
  inStack(
    "days as Prometheus writes them",
    { monitoring: { days: "30d" } },
    "monitoring.days",
    '"30d"',
    "days, a whole number from 1 to 3650",
  ),
  inStack("no room", { monitoring: { mib: 63 } }, "monitoring.mib", "63", "MiB, a whole number from 64"),
  inStack(
    "too little memory",
    { monitoring: { memory: 8 } },
    "monitoring.memory",
    "8",
    "MiB as a whole number from 16",
  ),
  inStack("a port that is none", { monitoring: { port: 0 } }, "monitoring.port", "0", "a port, 1 to 65535"),
  inStack(
    "the port of the gateway",
    { gateway: { port: 9090 }, monitoring: {} },
    "monitoring.port",
    "9090",
    "another port: litellm-mcp:gateway.port has this one",
  ),
  inStack("a text", { monitoring: "yes" }, "monitoring", '"yes"', "a map with the keys image, port, days, mib, memory"),
  inStack(
    "another address",
    { monitoring: { address: "192.168.1.10" } },
    "monitoring.address",
    KEY,
    "one of the keys image, port, days, mib, memory",
  ),
]);
