import type { z } from "zod";
import { flag, list, oneOf, secretName, strict, text } from "./fields.ts";

const base = (port: number) =>
  text(
    /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*[^\s?#/])?$/,
    `an address such as http://192.168.1.30:${port}, without a / at the end`,
  );

const openTelemetry = strict({
  endpoint: base(4318).describe("The collector's address for OTLP over HTTP. LiteLLM adds `/v1/traces`."),
  header: strict({
    name: text(/^[A-Za-z0-9-]+$/, "a header's name, such as authorization").describe("Its name."),
    secret: secretName.describe("Name of the secret under `litellm-mcp:secrets` that is its value."),
  })
    .optional()
    .describe("A header that the collector asks for. LiteLLM sends one at most."),
});

const langfuse = strict({
  url: base(3000).describe("Langfuse's address."),
  publicKey: secretName.describe("Name of the secret under `litellm-mcp:secrets` that is the project's public key."),
  secretKey: secretName.describe("Name of the secret that is the project's secret key."),
});

export const telemetry = strict({
  openTelemetry: openTelemetry.optional().describe("A trace of each request of a model, and of each call of a tool."),
  langfuse: langfuse.optional().describe("The same for Langfuse, version 2 of its API for ingestion."),
  texts: flag
    .default(false)
    .describe("What models were asked, and what they answered, is sent as well. Arguments of tools are always sent."),
  acceptRisks: list(oneOf(["outside-lan"], "outside-lan"), "a list of risks: [outside-lan]")
    .default([])
    .describe("`outside-lan`: an address may be one outside of the LAN."),
})
  .optional()
  .meta({
    description:
      "Where LiteLLM sends what it did: which client asked which model or tool, when, how many tokens, what it cost.",
    examples: [
      {
        openTelemetry: {
          endpoint: "http://192.168.1.30:4318",
          header: { name: "authorization", secret: "collectorLogin" },
        },
      },
      {
        langfuse: {
          url: "http://192.168.1.30:3000",
          publicKey: "langfusePublicKey",
          secretKey: "langfuseSecretKey",
        },
        texts: true,
      },
      { openTelemetry: { endpoint: "https://otel.example.com" }, acceptRisks: ["outside-lan"] },
    ],
  });

export type TelemetryConfig = NonNullable<z.infer<typeof telemetry>>;
