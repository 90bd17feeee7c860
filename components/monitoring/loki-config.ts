import { stringify } from "yaml";
import type { OwnLokiSettings } from "../../settings/settings.ts";

export const LOKI_PORT = 3100;
/** On both of its networks. */
export const LOKI_HOST = "loki";
export const LOKI_DATA_FOLDER = "/loki";

/** What lines are found by. Each has few values: of what is called and by whom, whose names are known, and of containers. */
export const LABELS = ["job", "container", "client", "server", "outcome"] as const;

/** Loki's configuration: one program, whose chunks and index are files of its volume. */
export const renderLokiConfig = ({ days }: Pick<OwnLokiSettings, "days">): string =>
  stringify(
    {
      auth_enabled: false,
      server: {
        http_listen_port: LOKI_PORT,
        // Its parts speak to each other by it, within the container.
        grpc_listen_address: "127.0.0.1",
        log_level: "warn",
      },
      common: {
        instance_addr: "127.0.0.1",
        path_prefix: LOKI_DATA_FOLDER,
        storage: {
          filesystem: {
            chunks_directory: `${LOKI_DATA_FOLDER}/chunks`,
            rules_directory: `${LOKI_DATA_FOLDER}/rules`,
          },
        },
        replication_factor: 1,
        ring: { kvstore: { store: "inmemory" } },
      },
      schema_config: {
        configs: [
          {
            from: "2024-01-01",
            store: "tsdb",
            object_store: "filesystem",
            schema: "v13",
            index: { prefix: "index_", period: "24h" },
          },
        ],
      },
      // There is no other one that it would have to wait for.
      ingester: {
        lifecycler: { min_ready_duration: "0s" },
        // Of lines of one stream that came at the same time it may take some for others when it reads its log: what is in chunks does
        // not need that.
        wal: { flush_on_shutdown: true },
        // Without an end: what is not on disk yet may be older than what is, since the first lines that it gets are those of weeks.
        query_store_max_look_back_period: -1,
      },
      compactor: {
        working_directory: `${LOKI_DATA_FOLDER}/compactor`,
        retention_enabled: true,
        delete_request_store: "filesystem",
      },
      limits_config: {
        retention_period: `${days * 24}h`,
        // What is deleted is found for a while yet, in caches and in copies of the index.
        max_query_lookback: `${days * 24}h`,
        // Lines of before it was there, or of a time in which it was stopped, are as good as others.
        reject_old_samples: false,
        shard_streams: { enabled: false, time_sharding_enabled: true },
        // It would be another label.
        discover_service_name: [],
        otlp_config: {
          resource_attributes: {
            ignore_defaults: true,
            attributes_config: [{ action: "index_label", attributes: [...LABELS] }],
          },
        },
      },
      analytics: { reporting_enabled: false },
    },
    { lineWidth: 0 },
  );
