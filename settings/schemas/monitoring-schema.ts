import type { z } from "zod";
import { image, memoryMiB, orEmpty, port, strict, wholeNumber } from "./fields.ts";

export const monitoring = orEmpty(
  strict({
    image: image.default("prom/prometheus:v3.11.3").describe("Its image, of Prometheus 3."),
    port: port.default(9090).describe("Port of the host's loopback, 127.0.0.1, where it shows figures and alerts."),
    days: wholeNumber(1, 3_650, "days, a whole number from 1 to 3650")
      .default(30)
      .describe("For how many days figures are kept."),
    mib: wholeNumber(64, 1_048_576, "MiB, a whole number from 64")
      .default(512)
      .describe(
        "How much room they may take, in MiB: the oldest go first. The newest two to three hours do not count, and stay.",
      ),
    memory: memoryMiB.default(256).describe("Memory of its container in MiB."),
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Prometheus of the stack's own: figures of the ingress and of each adapter, every ten seconds, and rules that say what " +
      "is wrong: a part that is away, a server that does not answer, tools that are withheld, a LiteLLM that was restarted, a " +
      "burst of refusals. They are shown at `port`, and told at `scheduledCheck.alert.url`, where that is set. Left out, there is none.",
    examples: [{}, { image: "prom/prometheus:v3.11.3", port: 9091, days: 90, mib: 2048, memory: 512 }],
  });

export type MonitoringConfig = NonNullable<z.infer<typeof monitoring>>;
