import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { stackKeys } from "../../settings/schemas/stack-schema.ts";
import { catalogue, demandedImages, recipeFiles, recipeHash } from "./images.ts";

const here = path.dirname(fileURLToPath(import.meta.url));

test("images on demand are made for the stack that names them, or their server", () => {
  const github = "ghcr.io/github/github-mcp-server:v1.9.0";
  const servers = [
    { name: "github", text: `source:\n  image: ${github}` },
    { name: "time", text: "" },
  ];
  assert.deepEqual(demandedImages("config:\n  litellm-mcp:servers: { time: {} }", servers), []);
  assert.deepEqual(demandedImages("config:\n  litellm-mcp:servers: { github: { enabled: true } }", servers), [github]);
  const litellm = "ghcr.io/berriai/litellm:v1.77.7-stable";
  assert.deepEqual(demandedImages(`config:\n  litellm-mcp:gateway: { image: "${litellm}" }`, servers), [litellm]);
  assert.deepEqual(demandedImages("config:\n  litellm-mcp:redis: {}", servers), ["redis:8.0-trixie"]);
  const figures = ["prom/prometheus:v3.11.3"];
  const lines = ["grafana/loki:3.7.1", "otel/opentelemetry-collector-contrib:0.151.0"];
  assert.deepEqual(demandedImages("  litellm-mcp:monitoring: {}", servers), [...figures, ...lines]);
  for (const without of ["{ logs: { enabled: false } }", "\n    port: 1\n    logs:\n      enabled: false\n"])
    assert.deepEqual(demandedImages(`  litellm-mcp:monitoring: ${without}`, servers), figures);
  const grafana = "grafana/grafana:12.3.2";
  for (const having of ["{ grafana: {} }", "\n    port: 1\n    grafana:\n      port: 2\n"])
    assert.deepEqual(demandedImages(`  litellm-mcp:monitoring: ${having}`, servers), [...figures, ...lines, grafana]);
  const elsewhere = "  litellm-mcp:monitoring: {}\n  litellm-mcp:servers:\n    grafana: {}\n";
  assert.deepEqual(demandedImages(elsewhere, servers), [...figures, ...lines]);
});

test("the images of the catalogue are those that the project names by default", async () => {
  const read = (file: string) => readFile(path.join(here, "..", "..", file), "utf8");
  const postgres = stackKeys.postgres.parse({});
  const server = parse(await read("mcp/postgres/server.yaml")) as { source: { image: string } };
  const used = [
    stackKeys.gateway.parse({}).image,
    postgres.kind === "dedicated" && postgres.image,
    server.source.image,
    ...[...(await read("adapter/Dockerfile")).matchAll(/^ARG \w+_IMAGE=(.+)$/gm)].map(([, image]) => image),
  ];
  assert.deepEqual(new Set(used), new Set(catalogue.filter(({ onDemand }) => !onDemand).map(({ image }) => image)));
});

test("an image that a setting has by default is made for the stack that has the setting", () => {
  const monitoring = stackKeys.monitoring.parse({ grafana: {} })!;
  const defaults = {
    redis: [stackKeys.redis.parse({})!.image],
    monitoring: [monitoring.image, monitoring.logs.image, monitoring.logs.collectorImage, monitoring.grafana!.image],
  };
  for (const [key, images] of Object.entries(defaults))
    assert.deepEqual(
      catalogue.filter(({ setting }) => setting === `litellm-mcp:${key}:`).map(({ image }) => image),
      images,
    );
});

test("a package lock holds the versions that make its image like the real one", async () => {
  for (const recipe of ["litellm", "litellm-1.77.7", "litellm-1.106.2", "postgres-mcp"]) {
    const lines = async (name: string) => (await readFile(path.join(here, "images", recipe, name), "utf8")).split("\n");
    const exact = [...(await lines("requirements.in")), ...(await lines("overrides.txt"))].filter((line) =>
      /^[a-z].*==/.test(line),
    );
    const locked = new Set((await lines("requirements.txt")).map((line) => line.split(" ")[0]));
    assert.ok(exact.length, recipe);
    assert.deepEqual(
      exact.map((line) => line.replace(/\[.*\]/, "")).filter((line) => !locked.has(line)),
      [],
      recipe,
    );
  }
});

test("a recipe over another one shares its files, but for those it has itself", async () => {
  const [base, over] = await Promise.all([recipeHash("litellm"), recipeHash("litellm-1.77.7")]);
  assert.notEqual(base, over);
  const files = await recipeFiles("litellm-1.77.7");
  assert.equal(path.basename(path.dirname(files.get("Dockerfile")!)), "litellm");
  assert.equal(path.basename(path.dirname(files.get("requirements.txt")!)), "litellm-1.77.7");
});

test("an image is built again when what its base takes from this machine changes", async () => {
  const name = "PIP_INDEX_URL";
  const before = process.env[name];
  try {
    process.env[name] = "http://one.example/simple";
    const first = await recipeHash("litellm");
    assert.equal(await recipeHash("litellm"), first);
    process.env[name] = "http://two.example/simple";
    assert.notEqual(await recipeHash("litellm"), first);
  } finally {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  }
});
