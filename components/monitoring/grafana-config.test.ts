import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { execaSync } from "execa";
import { parse } from "yaml";
import type { PostgresSettings } from "../../settings/settings.ts";
import { testSettings } from "../../tests/settings.ts";
import { grafanaFiles as filesForOthers } from "./grafana/files.ts";
import {
  GRAFANA_DATA_FOLDER,
  grafanaContent,
  grafanaFiles,
  grafanaScript,
  grafanaVariables,
} from "./grafana-config.ts";

interface Written {
  readonly datasources: readonly { readonly uid: string; readonly secureJsonData?: object }[];
}
const { postgres } = testSettings();
const textsOf = (logs: boolean, spend?: PostgresSettings) =>
  Object.fromEntries(
    Object.entries(grafanaFiles(grafanaContent(logs, spend))).map(([file, { content }]) => [file, content.toString()]),
  );
const SOURCES = "provisioning/datasources/litellm-mcp.yaml";

test("its data sources are those that a Grafana of one's own gets, and go when the stack has them no more", () => {
  const theirs = parse(filesForOthers()["datasources.yaml"]!) as Written;
  const { prune, datasources } = parse(textsOf(true)[SOURCES]!) as Written & { prune: boolean };
  assert.equal(prune, true);
  assert.deepEqual(
    datasources.map(({ uid }) => uid),
    ["litellm-mcp-prometheus", "litellm-mcp-loki"],
  );
  for (const source of datasources)
    assert.deepEqual(
      source,
      theirs.datasources.find(({ uid }) => uid === source.uid),
    );
});

test("without Loki there is neither its data source nor its dashboard", () => {
  const dashboards = (logs: boolean) => Object.keys(textsOf(logs)).filter((file) => file.startsWith("dashboards/"));
  assert.deepEqual(
    dashboards(true),
    ["gateway", "servers", "logs"].map((name) => `dashboards/${name}.json`),
  );
  assert.deepEqual(
    dashboards(false),
    ["gateway", "servers"].map((name) => `dashboards/${name}.json`),
  );
  assert.deepEqual(
    (parse(textsOf(false)[SOURCES]!) as Written).datasources.map(({ uid }) => uid),
    ["litellm-mcp-prometheus"],
  );
});

test("what clients have spent is asked of LiteLLM's database, with a password that is in no file of the image", () => {
  const [theirs] = (parse(filesForOthers()["datasources-spend.yaml"]!) as Written).datasources;
  const sourceOf = (where: PostgresSettings) => (parse(textsOf(false, where)[SOURCES]!) as Written).datasources[1]!;
  const secureJsonData = { password: "$__file{/tmp/secrets/SPEND_PASSWORD}" };
  assert.deepEqual(sourceOf(postgres), { ...theirs, secureJsonData });
  const written = { kind: "existing", host: "192.168.1.20", port: 5433 };
  const existing = testSettings({ postgres: written }, ["postgresAdminPassword"]).postgres;
  const { url, jsonData } = sourceOf(existing) as unknown as { url: string; jsonData: { sslmode: string } };
  assert.deepEqual([url, jsonData.sslmode], ["192.168.1.20:5433", "require"]);
  assert.ok("dashboards/spend.json" in textsOf(true, postgres));
  assert.ok(!("dashboards/spend.json" in textsOf(true)));
});

test("Grafana looks for dashboards where the image has them, and replaces nothing but a secret in the files that say so", () => {
  const texts = textsOf(true, postgres);
  const { providers } = parse(texts["provisioning/dashboards/litellm-mcp.yaml"]!) as {
    providers: { options: { path: string } }[];
  };
  const [folder] = providers.map(({ options }) => options.path);
  assert.ok(texts["Dockerfile"]!.includes(`COPY dashboards ${folder}\n`));
  assert.ok(!folder!.startsWith(GRAFANA_DATA_FOLDER), "the volume hides what the image has there");
  for (const [file, text] of Object.entries(texts))
    if (file.startsWith("provisioning/"))
      assert.ok(!text.replace("$__file{/tmp/secrets/SPEND_PASSWORD}", "").includes("$"), file);
});

test("nothing is a secret of what it is told, and each switch has a value that Grafana reads", () => {
  const variables = grafanaVariables(3001);
  assert.equal(variables["GF_SERVER_ROOT_URL"], "http://127.0.0.1:3001/");
  assert.ok(!("GF_SECURITY_ADMIN_PASSWORD" in variables));
  for (const [name, value] of Object.entries(variables)) {
    assert.match(name, /^GF_[A-Z_]+$/);
    if (/_(ENABLED|DISABLED|UP|UPDATES|CREATE|GRAVATAR)$/.test(name)) assert.match(value, /^(true|false)$/, name);
  }
});

test("its first password is made up once, and nobody else reads it, nor what is in variables", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "grafana-"));
  const run = path.join(folder, "run.sh");
  writeFileSync(run, '#!/bin/sh\ntest -z "${SPEND_PASSWORD+there}"\n', { mode: 0o755 });
  const script = grafanaScript(["SPEND_PASSWORD"])
    .replaceAll(GRAFANA_DATA_FOLDER, folder)
    .replaceAll("/tmp/secrets", path.join(folder, "secrets"))
    .replace("/run.sh", run);
  const file = path.join(folder, "first-password");
  const env = { SPEND_PASSWORD: "its password" };
  execaSync("sh", ["-c", script], { env });
  const first = readFileSync(file, "utf8");
  execaSync("sh", ["-c", script], { env });
  assert.match(first, /^[0-9a-f]{64}$/);
  assert.equal(readFileSync(file, "utf8"), first);
  const secret = path.join(folder, "secrets/SPEND_PASSWORD");
  assert.equal(readFileSync(secret, "utf8"), "its password");
  for (const one of [file, secret]) assert.equal(statSync(one).mode & 0o777, 0o600);
  rmSync(folder, { recursive: true });
});
