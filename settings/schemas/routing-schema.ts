import { z } from "zod";
import { filledList, map, oneOf, strict, text, wholeNumber } from "./fields.ts";

export const modelName = text(/^\S+$/, "the name clients ask for, without spaces");

const STRATEGIES = ["simple-shuffle", "least-busy"] as const;
const SECONDS = "seconds, a whole number from 1 to 3600";

export const routing = strict({
  strategy: oneOf(STRATEGIES, "simple-shuffle or least-busy")
    .default("simple-shuffle")
    .describe(
      "Which deployment of a model gets a request: any of them, by chance and by `weight` or `rpm` of its params; or the " +
        "one with the fewest requests under way.",
    ),
  fallbacks: map(
    modelName,
    filledList(
      z.string({ error: "a model's name" }).meta({ title: "a model's name" }),
      "a list of models, in the order in which they are asked",
    ),
    "a map from a model to the models that answer in its place, such as { gpt: [local] }",
  )
    .default({})
    .describe(
      "Models that are asked when every deployment of a model has failed. A client needs the right to the model that " +
        "it asks for, not to these.",
    ),
  retries: wholeNumber(0, 10, "a whole number, 0 to 10")
    .default(2)
    .describe("How often a request is tried again before fallbacks, on another deployment where there is one."),
  cooldownSeconds: wholeNumber(1, 3600, SECONDS)
    .default(5)
    .describe(
      "For how long a deployment is not asked after it has answered 401, 404, 408 or 429, or has failed more than " +
        "half of a minute's requests. The only deployment of a model is always asked.",
    ),
  timeoutSeconds: wholeNumber(1, 3600, SECONDS)
    .optional()
    .describe("After how many seconds without an answer a deployment counts as failed. Left out, LiteLLM waits 6000."),
})
  .optional()
  .meta({
    description:
      "What LiteLLM does with several deployments of a model, which are entries of `litellm-mcp:models` with the same " +
      "name, and with deployments that fail.",
    examples: [
      {
        strategy: "least-busy",
        fallbacks: { gpt: ["local"] },
        retries: 1,
        cooldownSeconds: 30,
        timeoutSeconds: 120,
      },
    ],
  });

export type RoutingConfig = z.infer<typeof routing>;
