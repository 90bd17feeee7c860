import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { renderCollectorConfig } from "./collector-config.ts";
import { LABELS } from "./loki-config.ts";

interface Operator {
  readonly type: string;
  readonly field?: string;
  readonly to?: string;
  readonly regex?: string;
}
interface Config {
  readonly receivers: Record<string, { readonly include: readonly string[]; readonly operators: readonly Operator[] }>;
  readonly exporters: {
    readonly otlp_http: { readonly endpoint: string; readonly headers?: object; readonly sending_queue: object };
  };
  readonly processors: { readonly memory_limiter: { readonly limit_mib: number } };
  readonly extensions: { readonly health_check: { readonly response_body: { readonly healthy: string } } };
}

const CONTAINERS = [
  { name: "lab-litellm", id: "aa" },
  { name: "lab-mcp-time", id: "bb" },
];
const OWN = { url: "http://loki:3100", stack: undefined, header: undefined, memoryMiB: 400 };
const text = renderCollectorConfig(CONTAINERS, OWN);
const config = parse(text) as Config;
const { receivers, exporters, processors, extensions } = config;

test("of each container's folder the files of its log are named, and of the record its lines", () => {
  assert.deepEqual(receivers["file_log/logs"]!.include, [
    "/logs/lab-litellm/aa-json.log*",
    "/logs/lab-mcp-time/bb-json.log*",
  ]);
  assert.deepEqual(receivers["file_log/calls"]!.include, ["/calls/*.jsonl"]);
  const [pattern] = receivers["file_log/logs"]!.operators.flatMap(({ regex }) => regex ?? []);
  assert.equal(
    new RegExp(pattern!.replace("?P<", "?<")).exec("/logs/lab-mcp-time/bb-json.log.1")?.groups?.["container"],
    "lab-mcp-time",
  );
});

test("what becomes a label is what Loki takes for one; a tool is none", () => {
  const labels = Object.values(receivers).flatMap(({ operators }) =>
    operators.flatMap(({ field, to, regex }) => [
      ...[field, to].flatMap((name) => (name?.startsWith("resource.") ? [name.slice("resource.".length)] : [])),
      ...(regex ? [...regex.matchAll(/\?P<(\w+)>/g)].map(([, name]) => name!) : []),
    ]),
  );
  assert.deepEqual(new Set(labels), new Set(LABELS));
});

test("lines wait in their files and not in memory, and nothing of the text is a variable to be filled in", () => {
  assert.deepEqual(exporters.otlp_http.sending_queue, { enabled: false });
  assert.equal(exporters.otlp_http.endpoint, "http://loki:3100/otlp");
  assert.equal(processors.memory_limiter.limit_mib, 300);
  assert.ok(!text.includes("$"));
});

test("beside a Loki of the stack's own it answers Prometheus by its name there, and else nobody", () => {
  const figures = (stack: string | undefined) =>
    (
      parse(renderCollectorConfig(CONTAINERS, { ...OWN, stack })) as {
        service: { telemetry: { metrics: unknown } };
      }
    ).service.telemetry.metrics;
  assert.deepEqual(figures(undefined), {
    level: "basic",
    readers: [{ pull: { exporter: { prometheus: { host: "log-collector", port: 8888 } } } }],
  });
  assert.deepEqual(figures("lan"), { level: "none" });
});

test("to a Loki of somebody else's each line says of which stack it is, and what it asks for is a variable", () => {
  const elsewhere = { ...OWN, url: "http://192.168.1.30:3100/loki", stack: "lan", header: "X-Scope-OrgID" };
  const other = parse(renderCollectorConfig(CONTAINERS, elsewhere)) as typeof config;
  for (const { operators } of Object.values(other.receivers))
    assert.deepEqual(
      operators.filter(({ field }) => field === 'resource["service.namespace"]'),
      [{ type: "add", field: 'resource["service.namespace"]', value: "lan" }],
    );
  assert.deepEqual(
    Object.values(other.receivers).map(({ operators }) => operators.at(-1)),
    [
      { type: "copy", from: "resource.container", to: 'resource["service.name"]' },
      { type: "add", field: 'resource["service.name"]', value: "calls" },
    ],
  );
  assert.equal(other.exporters.otlp_http.endpoint, "http://192.168.1.30:3100/loki/otlp");
  assert.deepEqual(other.exporters.otlp_http.headers, { "X-Scope-OrgID": "${env:LOKI_HEADER}" });
  assert.equal(exporters.otlp_http.headers, undefined);
});

test("what the healthcheck is answered is a configuration", () => {
  const { service, receivers: some } = JSON.parse(extensions.health_check.response_body.healthy) as {
    service: { pipelines: { logs: { receivers: string[] } } };
    receivers: object;
  };
  assert.deepEqual(service.pipelines.logs.receivers, Object.keys(some));
});
