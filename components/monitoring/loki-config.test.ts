import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { renderLokiConfig } from "./loki-config.ts";

interface Config {
  readonly limits_config: {
    readonly retention_period: string;
    readonly max_query_lookback: string;
    readonly reject_old_samples: boolean;
    readonly shard_streams: { readonly time_sharding_enabled: boolean };
    readonly otlp_config: { readonly resource_attributes: { readonly attributes_config: readonly object[] } };
  };
  readonly compactor: { readonly retention_enabled: boolean };
  readonly ingester: {
    readonly query_store_max_look_back_period: number;
    readonly wal: { readonly flush_on_shutdown: boolean };
  };
  readonly analytics: object;
  readonly auth_enabled: boolean;
}

test("lines of any age are taken, found before they are written, and written when it stops", () => {
  const { limits_config: limits, ingester } = parse(renderLokiConfig({ days: 14 })) as Config;
  assert.deepEqual([limits.reject_old_samples, limits.shard_streams.time_sharding_enabled], [false, true]);
  assert.equal(ingester.query_store_max_look_back_period, -1);
  assert.equal(ingester.wal.flush_on_shutdown, true);
});

test("lines go after their days, labels are named, and nobody is told that it runs", () => {
  const { limits_config: limits, compactor, analytics, auth_enabled } = parse(renderLokiConfig({ days: 14 })) as Config;
  assert.deepEqual(
    [limits.retention_period, limits.max_query_lookback, compactor.retention_enabled],
    ["336h", "336h", true],
  );
  assert.deepEqual(limits.otlp_config.resource_attributes.attributes_config, [
    { action: "index_label", attributes: ["job", "container", "client", "server", "outcome"] },
  ]);
  assert.deepEqual([analytics, auth_enabled], [{ reporting_enabled: false }, false]);
});
