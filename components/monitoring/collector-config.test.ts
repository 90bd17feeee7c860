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
  readonly exporters: { readonly otlp_http: { readonly endpoint: string; readonly sending_queue: object } };
  readonly processors: { readonly memory_limiter: { readonly limit_mib: number } };
  readonly extensions: { readonly health_check: { readonly response_body: { readonly healthy: string } } };
}

const text = renderCollectorConfig(
  [
    { name: "lab-litellm", id: "aa" },
    { name: "lab-mcp-time", id: "bb" },
  ],
  { loki: "http://loki:3100", memoryMiB: 400 },
);
const { receivers, exporters, processors, extensions } = parse(text) as Config;

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

test("what the healthcheck is answered is a configuration", () => {
  const { service, receivers: some } = JSON.parse(extensions.health_check.response_body.healthy) as {
    service: { pipelines: { logs: { receivers: string[] } } };
    receivers: object;
  };
  assert.deepEqual(service.pipelines.logs.receivers, Object.keys(some));
});
