import { content, either, isReference, list, maybe, model, option, parameter, strict, whole } from "./parts.ts";

/** POST /v1/embeddings: openai 6.49.0, resources/embeddings. */

const MOST_INPUTS = 2_048;
/** One text as tokens. */
const tokens = list(whole.min(0), 100_000);

export const embeddingsBody = strict({
  model,
  input: either("a text, a list of texts, or one or several lists of tokens", content, list(content, MOST_INPUTS), tokens, list(tokens, MOST_INPUTS)),
  dimensions: maybe(whole.min(1)),
  encoding_format: maybe(option),
  user: maybe(parameter(512)),
});

/** A text that LiteLLM would take for a secret's name is a list of one text to it (see `isReference`). */
export const protectInput = ({ input, ...rest }: Readonly<Record<string, unknown>>) => ({
  ...rest,
  input: typeof input === "string" && isReference(input) ? [input] : input,
});
