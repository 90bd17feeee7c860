import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { renderLokiConfig } from "./loki-config.ts";

interface Config {
  readonly limits_config: {
    readonly retention_period: string;
    readonly otlp_config: { readonly resource_attributes: { readonly attributes_config: readonly object[] } };
  };
  readonly compactor: { readonly retention_enabled: boolean };
  readonly analytics: object;
  readonly auth_enabled: boolean;
}

test("lines go after their days, labels are named, and nobody is told that it runs", () => {
  const { limits_config: limits, compactor, analytics, auth_enabled } = parse(renderLokiConfig({ days: 14 })) as Config;
  assert.deepEqual([limits.retention_period, compactor.retention_enabled], ["336h", true]);
  assert.deepEqual(limits.otlp_config.resource_attributes.attributes_config, [
    { action: "index_label", attributes: ["job", "container", "client", "server", "outcome"] },
  ]);
  assert.deepEqual([analytics, auth_enabled], [{ reporting_enabled: false }, false]);
});
