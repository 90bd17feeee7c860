import type { z } from "zod";
import { image, memoryMiB, orEmpty, strict, wholeNumber } from "./fields.ts";

export const redis = orEmpty(
  strict({
    image: image.default("redis:8.0-trixie").describe("Its image."),
    memory: memoryMiB
      .default(128)
      .describe("Memory of its container in MiB. Redis forgets what was longest unused before it is full."),
    cacheSeconds: wholeNumber(1, 2_592_000, "seconds, a whole number from 1 to 2592000")
      .optional()
      .describe(
        "For how long the answer of a model to chat completions, and embeddings, is given again to the same request, by " +
          "whichever client. Such an answer costs nothing. Left out, no answer is kept.",
      ),
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A Redis of the stack's own, for LiteLLM alone: answers of models that are kept, and what LiteLLM counts within a " +
      "minute (`tpm` of clients, failures of deployments), which a restart of LiteLLM then does not forget. It keeps " +
      "nothing on disk, and publishes no port. Left out, there is none.",
    examples: [{ cacheSeconds: 600 }, { image: "redis:8.0-trixie", memory: 512 }],
  });

export type RedisConfig = NonNullable<z.infer<typeof redis>>;
