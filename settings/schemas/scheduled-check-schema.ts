import { z } from "zod";
import { flag, list, oneOf, orEmpty, secretName, strict, text, wholeNumber } from "./fields.ts";

const alert = strict({
  url: text(
    /^https?:\/\/[^\s/?#@]+(\/[^\s?#]*)?$/,
    "an address such as http://192.168.1.30:8080/alerts, without ? and #: a token belongs into `header`",
  ).describe("What is posted to: Gotify, Home Assistant, n8n, whatever takes the webhook of Alertmanager."),
  header: strict({
    name: text(/^[A-Za-z0-9-]+$/, "a header's name, such as authorization").describe("Its name."),
    secret: secretName.describe("Name of the secret under `litellm-mcp:secrets` that is its value."),
  })
    .optional()
    .describe("A header that the receiver asks for."),
  acceptRisks: list(oneOf(["outside-lan"], "outside-lan"), "a list of risks: [outside-lan]")
    .default([])
    .describe("`outside-lan`: the address may be one outside of the LAN."),
});

export const scheduledCheck = orEmpty(
  strict({
    enabled: flag.default(true).describe("Whether it is made."),
    minutes: wholeNumber(1, 1_440, "minutes, a whole number from 1 to 1440")
      .default(15)
      .describe(
        "How often. What it finds wrong is looked at again 30 seconds later, and each minute until it is right.",
      ),
    alert: alert
      .optional()
      .describe(
        "Who is told when something is wrong, and when it is right again, also of what Prometheus finds (`litellm-mcp:monitoring`). " +
          "Left out, nobody.",
      ),
  }),
)
  .prefault({})
  .meta({
    description:
      "Between one `up` and the next a container of the stack lists and calls, with a key of its own, the tool that each " +
      "`server.yaml` names as its `check`, and tries what must fail. The key opens nothing else. `npm run status` says what " +
      "it has found.",
    examples: [
      { minutes: 5, alert: { url: "http://192.168.1.30:8080/alerts" } },
      {
        alert: {
          url: "http://gotify.lan/message",
          header: { name: "X-Gotify-Key", secret: "gotifyToken" },
        },
      },
      { alert: { url: "https://hooks.example.com/gateway", acceptRisks: ["outside-lan"] } },
      { enabled: false },
    ],
  });

export type ScheduledCheckConfig = z.infer<typeof scheduledCheck>;
