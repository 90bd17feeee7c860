import type { z } from "zod";
import { flag, image, memoryMiB, orEmpty, port, strict, wholeNumber } from "./fields.ts";

const DAYS = "days, a whole number from 1 to 3650";

const logs = orEmpty(
  strict({
    enabled: flag
      .default(true)
      .describe("Whether logs and calls are kept. `false`: there are figures alone, and no Loki."),
    image: image.default("grafana/loki:3.7.1").describe("Its image, of Loki 3."),
    port: port.default(3100).describe("Port of the host's loopback, 127.0.0.1, where it answers."),
    days: wholeNumber(1, 3_650, DAYS)
      .default(30)
      .describe("For how many days lines are kept. Loki has no limit in MiB."),
    memory: memoryMiB.default(512).describe("Memory of its container in MiB."),
    collectorImage: image
      .default("otel/opentelemetry-collector-contrib:0.151.0")
      .describe("Image of the OpenTelemetry Collector that brings them, of the distribution `contrib`."),
    collectorMemory: memoryMiB.default(384).describe("Memory of the collector's container in MiB."),
  }),
)
  .prefault({})
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Loki of the stack's own, with the logs of its containers and the record of calls, and a collector that brings them to it.",
  });

export const monitoring = orEmpty(
  strict({
    image: image.default("prom/prometheus:v3.11.3").describe("Its image, of Prometheus 3."),
    port: port.default(9090).describe("Port of the host's loopback, 127.0.0.1, where it shows figures and alerts."),
    days: wholeNumber(1, 3_650, DAYS).default(30).describe("For how many days figures are kept."),
    mib: wholeNumber(64, 1_048_576, "MiB, a whole number from 64")
      .default(512)
      .describe(
        "How much room they may take, in MiB: the oldest go first. The newest two to three hours do not count, and stay.",
      ),
    memory: memoryMiB.default(256).describe("Memory of its container in MiB."),
    logs,
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Prometheus of the stack's own: figures of the ingress and of each adapter, every ten seconds, and rules that say what " +
      "is wrong: a part that is away, a server that does not answer, tools that are withheld, a LiteLLM that was restarted, a " +
      "burst of refusals. They are shown at `port`, and told at `scheduledCheck.alert.url`, where that is set. And a Loki, with `logs`. Left " +
      "out, there is none.",
    examples: [
      {},
      { logs: { enabled: false } },
      {
        ...{ image: "prom/prometheus:v3.11.3", port: 9091, days: 90, mib: 2048, memory: 512 },
        logs: {
          ...{ enabled: true, image: "grafana/loki:3.7.1", port: 3101, days: 14, memory: 1024 },
          ...{ collectorImage: "otel/opentelemetry-collector-contrib:0.151.0", collectorMemory: 512 },
        },
      },
    ],
  });

export type MonitoringConfig = NonNullable<z.infer<typeof monitoring>>;
