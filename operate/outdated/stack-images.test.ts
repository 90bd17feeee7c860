import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { ageOfImage, imagesOfStack } from "./stack-images.ts";

async function images(settings: object) {
  const folder = await mkdtemp(path.join(tmpdir(), "stack-images-"));
  try {
    await writeFile(path.join(folder, "Pulumi.lan.yaml"), JSON.stringify({ config: settings }));
    return imagesOfStack("lan", folder).map(({ part, setting, image }) => [part, setting, image]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const LITELLM = ["LiteLLM", "litellm-mcp:gateway.image", "ghcr.io/berriai/litellm:v1.77.3-stable"];

test("the images of a stack are those of its settings, and of what these turn on", async () => {
  const postgres = (image: string) => ["Postgres", "litellm-mcp:postgres.image", image];
  assert.deepEqual(await images({}), [LITELLM, postgres("postgres:17.6-trixie")]);
  assert.deepEqual(
    await images({
      "litellm-mcp:postgres": { image: "pgvector/pgvector:pg17" },
      "litellm-mcp:redis": {},
      "litellm-mcp:backup": { image: "postgres:18.0-trixie" },
      "litellm-mcp:monitoring": {},
    }),
    [
      ...[LITELLM, postgres("pgvector/pgvector:pg17"), ["Redis", "litellm-mcp:redis.image", "redis:8.0-trixie"]],
      ["backup", "litellm-mcp:backup.image", "postgres:18.0-trixie"],
      ["Prometheus", "litellm-mcp:monitoring.image", "prom/prometheus:v3.11.3"],
      ["Loki", "litellm-mcp:monitoring.logs.image", "grafana/loki:3.7.1"],
      ["collector", "litellm-mcp:monitoring.logs.collectorImage", "otel/opentelemetry-collector-contrib:0.151.0"],
    ],
  );
  assert.deepEqual(await images({ "litellm-mcp:monitoring": { logs: { enabled: false }, grafana: {} } }), [
    ...[LITELLM, postgres("postgres:17.6-trixie")],
    ["Prometheus", "litellm-mcp:monitoring.image", "prom/prometheus:v3.11.3"],
    ["Grafana", "litellm-mcp:monitoring.grafana.image", "grafana/grafana:12.3.2"],
  ]);
  const elsewhere = { "litellm-mcp:monitoring": { logs: { loki: { url: "http://192.168.1.30:3100" } } } };
  assert.deepEqual(
    (await images(elsewhere)).map(([part]) => part),
    ["LiteLLM", "Postgres", "Prometheus", "collector"],
  );
  const existing = { kind: "existing", host: "192.168.1.11" };
  assert.deepEqual(await images({ "litellm-mcp:postgres": existing, "litellm-mcp:backup": {} }), [LITELLM]);
});

test("a stack's file that is wrong is said, and one that is not there", async () => {
  await assert.rejects(images({ "litellm-mcp:gateway": { image: "litellm:latest" } }), /litellm-mcp:gateway\.image/);
  assert.throws(() => imagesOfStack("nosuch", tmpdir()), /unknown stack nosuch: there is no Pulumi\.nosuch\.yaml/);
});

const age = (part: "Postgres" | "LiteLLM", image: string, tags: string[]) =>
  ageOfImage({ part, setting: "x", image }, { tags: () => Promise.resolve(tags) });

test("of Postgres the newest of its own major version counts, and a later one is named", async () => {
  const tags = ["17.6-trixie", "17.7-trixie", "18.1-trixie", "18.2-alpine"];
  const { newest, isOutdated, laterMajor } = await age("Postgres", "postgres:17.6-trixie", tags);
  assert.deepEqual([newest, isOutdated, laterMajor], ["17.7-trixie", true, "18.1-trixie"]);
  const last = await age("Postgres", "postgres:18.1-trixie", tags);
  assert.deepEqual([last.newest, last.isOutdated, last.laterMajor], ["18.1-trixie", false, undefined]);
});

test("of LiteLLM the newest of all counts", async () => {
  const { newest, isOutdated } = await age("LiteLLM", "ghcr.io/berriai/litellm:v1.77.3-stable", [
    ...["v1.77.3-stable", "v1.106.2", "v2.0.0-nightly"],
  ]);
  assert.deepEqual([newest, isOutdated], ["v1.106.2", true]);
});
