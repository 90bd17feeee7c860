import type { z } from "zod";
import {
  flag,
  image,
  list,
  memoryMiB,
  networkName,
  oneOf,
  orEmpty,
  port,
  secretName,
  strict,
  text,
  wholeNumber,
} from "./fields.ts";

const DAYS = "days, a whole number from 1 to 3650";

const loki = strict({
  url: text(
    /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*[^\s?#/])?$/,
    "an address such as http://192.168.1.30:3100, without a / at the end",
  ).describe("Its address. Lines are sent to `/otlp/v1/logs` below it."),
  network: networkName
    .optional()
    .describe(
      "The Docker network of the host on which it is a container, which the collector joins. Left out, the collector " +
        "has a network of its own by which it reaches the LAN.",
    ),
  header: strict({
    name: text(/^[A-Za-z0-9-]+$/, "a header's name, such as authorization").describe("Its name."),
    secret: secretName.describe("Name of the secret under `litellm-mcp:secrets` that is its value."),
  })
    .optional()
    .describe("A header that it asks for, to be written to and to be read, such as `X-Scope-OrgID`."),
  acceptRisks: list(oneOf(["outside-lan"], "outside-lan"), "a list of risks: [outside-lan]")
    .default([])
    .describe("`outside-lan`: the address may be one outside of the LAN."),
});

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
    loki: loki
      .optional()
      .describe(
        "A Loki 3 that somebody else runs, in place of one of the stack's own. `image`, `port`, `days` and `memory` are left out then.",
      ),
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

const grafana = orEmpty(
  strict({
    image: image.default("grafana/grafana:12.3.2").describe("Its image, of Grafana 12."),
    port: port.default(3000).describe("Port of the host's loopback, 127.0.0.1, where its pages are."),
    memory: memoryMiB.default(512).describe("Memory of its container in MiB."),
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Grafana of the stack's own, with the data sources and dashboards for what is kept here, for people who log in as `admin` " +
      "(`pulumi stack output grafanaPassword`). Left out, there is none.",
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
    grafana,
    spend: flag
      .default(false)
      .describe(
        "Whether a Grafana may ask LiteLLM's database what clients have spent: a login that reads figures of spend and budgets, and " +
          "nothing else. `grafana` has it; for a Grafana of one's own its password is the stack's output `spendPassword`.",
      ),
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Prometheus of the stack's own: figures of the ingress, of each adapter and of the scheduled check, every ten seconds, and " +
      "rules that say what is wrong: a part that is away, a server that does not answer, tools that are withheld, a LiteLLM that was restarted, a " +
      "burst of refusals. They are shown at `port`, and told at `scheduledCheck.alert.url`, where that is set. And a Loki, with `logs`, " +
      "and a Grafana, with `grafana`. Left out, there is none.",
    examples: [
      {},
      { logs: { enabled: false } },
      { logs: { loki: { url: "http://192.168.1.30:3100" } } },
      { logs: { loki: { url: "https://logs.example.com", acceptRisks: ["outside-lan"] } } },
      {
        logs: {
          loki: {
            ...{ url: "http://loki:3100", network: "loki-net" },
            header: { name: "X-Scope-OrgID", secret: "lokiTenant" },
          },
        },
      },
      { grafana: {} },
      { spend: true },
      {
        ...{ image: "prom/prometheus:v3.11.3", port: 9091, days: 90, mib: 2048, memory: 512 },
        logs: {
          ...{ enabled: true, image: "grafana/loki:3.7.1", port: 3101, days: 14, memory: 1024 },
          ...{ collectorImage: "otel/opentelemetry-collector-contrib:0.151.0", collectorMemory: 512 },
        },
        grafana: { image: "grafana/grafana:12.3.2", port: 3001, memory: 768 },
        spend: true,
      },
    ],
  });

export type MonitoringConfig = NonNullable<z.infer<typeof monitoring>>;
