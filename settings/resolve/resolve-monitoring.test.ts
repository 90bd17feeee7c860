import assert from "node:assert/strict";
import { test } from "node:test";
import { IMAGE, inStack, KEY, load, refused } from "../../tests/small-stack.ts";

test("Prometheus is there when the stack says so, also without a word more", () => {
  assert.equal(load({}).monitoring, undefined);
  const names = {
    ...{ container: "lab-prometheus", network: "lab-monitoring-net", volume: "lab-prometheus-data" },
    alertsNetwork: "lab-alerts-net",
  };
  for (const monitoring of [{}, null])
    assert.deepEqual(load({ config: { monitoring, namePrefix: "lab-" } }).monitoring, {
      ...{ image: "prom/prometheus:v3.11.3", days: 30, mib: 512, memoryMiB: 256 },
      ...names,
      logs: LOGS,
      grafana: undefined,
      spend: undefined,
    });
  const asked = { image: "prom/prometheus:v3.12.0", days: 90, mib: 2048, memory: 512 };
  const { memory, ...rest } = asked;
  assert.deepEqual(load({ config: { monitoring: { ...asked, port: 9091 }, namePrefix: "lab-" } }).monitoring, {
    ...{ ...rest, memoryMiB: memory },
    ...names,
    logs: LOGS,
    grafana: undefined,
    spend: undefined,
  });
});

const OUTSIDE = "an address of the LAN; for one outside of it, acceptRisks: [outside-lan] beside it";

test("figures of spend are read where the stack says so, by a network of Postgres where that is the stack's own", () => {
  const spend = (config: object) => load({ config: { ...config, namePrefix: "lab-" } }).monitoring?.spend;
  assert.deepEqual(spend({ monitoring: { spend: true } }), { network: "lab-spend-net" });
  const postgres = { kind: "existing", host: "192.168.1.11" };
  assert.deepEqual(
    load({
      config: { monitoring: { spend: true }, postgres, namePrefix: "lab-" },
      secretNames: ["postgresAdminPassword"],
    }).monitoring?.spend,
    { network: undefined },
  );
  assert.equal(spend({ monitoring: { spend: false } }), undefined);
});

/** With the defaults and the prefix `lab-`. */
const LOGS = {
  loki: {
    ...{ kind: "own", image: "grafana/loki:3.7.1", days: 30, memoryMiB: 512 },
    ...{ container: "lab-loki", network: "lab-loki-net", linesNetwork: "lab-log-lines-net", volume: "lab-loki-data" },
  },
  collector: {
    ...{ image: "otel/opentelemetry-collector-contrib:0.151.0", memoryMiB: 384 },
    ...{ container: "lab-log-collector", volume: "lab-log-offsets" },
  },
  dockerRoot: "/var/lib/docker",
};

test("Loki is there unless the stack says that it is not", () => {
  const logs = (written: unknown) =>
    load({ config: { monitoring: { logs: written }, namePrefix: "lab-" } }).monitoring?.logs;
  assert.deepEqual(logs(null), LOGS);
  assert.equal(logs({ enabled: false }), undefined);
  const asked = {
    ...{ image: "grafana/loki:3.8.0", port: 3101, days: 7, memory: 1024 },
    ...{ collectorImage: "otel/opentelemetry-collector-contrib:0.152.0", collectorMemory: 512 },
  };
  assert.deepEqual(logs(asked), {
    ...LOGS,
    loki: { ...LOGS.loki, image: asked.image, days: 7, memoryMiB: 1024 },
    collector: { ...LOGS.collector, image: asked.collectorImage, memoryMiB: 512 },
  });
});

test("a Loki that somebody else runs is in place of the stack's own", () => {
  const loki = (written: object) =>
    load({
      config: { monitoring: { logs: { loki: written, collectorMemory: 384 } }, namePrefix: "lab-" },
      secretNames: ["tenant"],
    });
  const { monitoring, publishedPorts } = loki({ url: "http://192.168.1.30:3100" });
  assert.deepEqual(monitoring?.logs, {
    ...LOGS,
    loki: {
      ...{ kind: "existing", url: "http://192.168.1.30:3100", header: undefined },
      network: { made: "lab-log-collector-net" },
    },
  });
  assert.ok(!publishedPorts.some(({ container }) => container === "lab-loki"));
  const header = { name: "X-Scope-OrgID", secret: "tenant" };
  assert.deepEqual(loki({ url: "http://loki:3100/at", network: "logs", header }).monitoring?.logs?.loki, {
    ...{ kind: "existing", url: "http://loki:3100/at", header, network: { joined: "logs" } },
  });
  const accepted = loki({ url: "https://logs.example.com", acceptRisks: ["outside-lan"] });
  assert.equal((accepted.monitoring?.logs?.loki as { url: string }).url, "https://logs.example.com");
});

test("Grafana is there when the stack says so, also without a word more", () => {
  const grafana = (written: object) =>
    load({ config: { monitoring: written, namePrefix: "lab-" } }).monitoring?.grafana;
  const names = { container: "lab-grafana", volume: "lab-grafana-data" };
  assert.equal(grafana({}), undefined);
  for (const written of [{}, null])
    assert.deepEqual(grafana({ grafana: written }), {
      ...{ image: "grafana/grafana:12.3.2", port: 3000, memoryMiB: 512 },
      ...names,
    });
  const asked = { image: "grafana/grafana:12.4.0", port: 3001, memory: 768 };
  assert.deepEqual(grafana({ grafana: asked, logs: { enabled: false } }), {
    ...{ image: asked.image, port: 3001, memoryMiB: 768 },
    ...names,
  });
});

test("it has a way to the scheduled check, where there is one", () => {
  const alert = { url: "http://192.168.1.30:8080/alerts" };
  const network = (scheduledCheck: unknown) =>
    load({ config: { monitoring: {}, scheduledCheck, namePrefix: "lab-" } }).monitoring?.alertsNetwork;
  assert.equal(network({ alert }), "lab-alerts-net");
  assert.equal(network({}), "lab-alerts-net");
  assert.equal(network({ enabled: false, alert }), undefined);
});

test("its port is on the host's loopback alone, whatever the address of the LAN", () => {
  const { publishedPorts } = load({ config: { monitoring: { port: 9091 }, lan: { address: "192.168.1.10" } } });
  assert.deepEqual(
    publishedPorts.filter(({ container }) => container === "prometheus"),
    [{ setting: "litellm-mcp:monitoring.port", address: "127.0.0.1", port: 9091, container: "prometheus" }],
  );
  assert.ok(!load({}).publishedPorts.some(({ container }) => container === "prometheus"));
  const lokis = (logs: object) =>
    load({ config: { monitoring: { logs }, lan: { address: "192.168.1.10" } } }).publishedPorts.filter(
      ({ container }) => container === "loki",
    );
  assert.deepEqual(lokis({ port: 3101 }), [
    { setting: "litellm-mcp:monitoring.logs.port", address: "127.0.0.1", port: 3101, container: "loki" },
  ]);
  assert.deepEqual(lokis({ enabled: false }), []);
  const grafanas = (monitoring: object) =>
    load({ config: { monitoring, lan: { address: "192.168.1.10" } } }).publishedPorts.filter(
      ({ container }) => container === "grafana",
    );
  assert.deepEqual(grafanas({ grafana: { port: 3001 } }), [
    { setting: "litellm-mcp:monitoring.grafana.port", address: "127.0.0.1", port: 3001, container: "grafana" },
  ]);
  assert.deepEqual(grafanas({}), []);
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
  inStack(
    "a text",
    { monitoring: "yes" },
    "monitoring",
    '"yes"',
    "a map with the keys image, port, days, mib, memory, logs, grafana, spend",
  ),
  inStack(
    "lines for no day",
    { monitoring: { logs: { days: 0 } } },
    "monitoring.logs.days",
    "0",
    "days, a whole number from 1 to 3650",
  ),
  inStack(
    "room for lines, of which Loki knows nothing",
    { monitoring: { logs: { mib: 512 } } },
    "monitoring.logs.mib",
    KEY,
    "one of the keys enabled, image, port, days, memory, loki, collectorImage, collectorMemory",
  ),
  ...(
    [
      ["image", "grafana/loki:3.8.0", '"grafana/loki:3.8.0"'],
      ["port", 3101, "3101"],
      ["days", 30, "30"],
      ["memory", 512, "512"],
    ] as const
  ).map(([key, value, found]) =>
    inStack(
      `${key} of a Loki that somebody else runs`,
      { monitoring: { logs: { [key]: value, loki: { url: "http://192.168.1.30:3100" } } } },
      `monitoring.logs.${key}`,
      found,
      "leave it out: litellm-mcp:monitoring.logs.loki is no Loki of the stack's own",
    ),
  ),
  ...(
    [
      ["a Loki outside of the LAN", "http://logs.example.com:3100", {}, OUTSIDE],
      ["a public address", "http://8.8.8.8:3100", {}, OUTSIDE],
      [
        "a Loki on the collector's own loopback",
        "http://127.0.0.1:3100",
        {},
        "an address of the LAN: this is a loopback address",
      ],
      [
        "the same by its name",
        "http://localhost:3100",
        {},
        "an address of the LAN: in the collector's container this is the container itself",
      ],
      [
        "an address on a network of Docker",
        "http://172.18.0.5:3100",
        { network: "logs" },
        "the name of its container on logs: addresses there change",
      ],
      [
        "a / at the end",
        "http://192.168.1.30:3100/",
        {},
        "an address such as http://192.168.1.30:3100, without a / at the end",
      ],
    ] as const
  ).map(([what, url, more, write]) =>
    inStack(
      what,
      { monitoring: { logs: { loki: { url, ...more } } } },
      "monitoring.logs.loki.url",
      "a text that is not shown here",
      write,
    ),
  ),
  inStack(
    "a Loki that every MCP server would reach",
    {
      existingNetworks: { mcp: "tools" },
      monitoring: { logs: { loki: { url: "http://loki:3100", network: "tools" } } },
    },
    "monitoring.logs.loki.network",
    '"tools"',
    "another network than that of MCP servers: each of them would reach Loki",
  ),
  inStack(
    "the port of the figures for the lines",
    { monitoring: { logs: { port: 9090 } } },
    "monitoring.logs.port",
    "9090",
    "another port: litellm-mcp:monitoring.port has this one",
  ),
  inStack(
    "Grafana with a password of one's own",
    { monitoring: { grafana: { password: "secret" } } },
    "monitoring.grafana.password",
    KEY,
    "one of the keys image, port, memory",
  ),
  inStack(
    "Grafana as a word",
    { monitoring: { grafana: true } },
    "monitoring.grafana",
    "true",
    "a map with the keys image, port, memory",
  ),
  inStack(
    "the port of the lines for Grafana",
    { monitoring: { grafana: { port: 3100 } } },
    "monitoring.grafana.port",
    "3100",
    "another port: litellm-mcp:monitoring.logs.port has this one",
  ),
  inStack(
    "another address",
    { monitoring: { address: "192.168.1.10" } },
    "monitoring.address",
    KEY,
    "one of the keys image, port, days, mib, memory, logs, grafana, spend",
  ),
]);
