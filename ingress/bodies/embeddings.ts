import { z } from "zod";
import { content, either, isReference, list, maybe, model, option, parameter, strict, whole } from "./parts.ts";

/** POST /v1/embeddings: openai 6.49.0, resources/embeddings. */

const MOST_INPUTS = 2_048;
/** Of all inputs together; OpenAI takes 300,000. */
const MOST_TOKENS = 1_000_000;

const isTokens = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length <= MOST_TOKENS && value.every((each) => Number.isSafeInteger(each) && each >= 0);

const countOf = (lists: readonly unknown[]) =>
  lists.reduce<number>((sum, each) => sum + (Array.isArray(each) ? each.length : 0), 0);

/** One text as tokens, or several. As a whole, because there may be a million of them. */
const tokens = z.custom<number[] | number[][]>(
  (value) =>
    isTokens(value) ||
    (Array.isArray(value) && value.length <= MOST_INPUTS && countOf(value) <= MOST_TOKENS && value.every(isTokens)),
);

export const embeddingsBody = strict({
  model,
  input: either(
    "a text, a list of texts, or one or several lists of tokens",
    content,
    tokens,
    list(content, MOST_INPUTS),
  ),
  dimensions: maybe(whole.min(1)),
  encoding_format: maybe(option),
  user: maybe(parameter(512)),
});

/** A text that LiteLLM would take for a secret's name is a list of one text to it (see `isReference`). */
export const protectInput = ({ input, ...rest }: Readonly<Record<string, unknown>>) => ({
  ...rest,
  input: typeof input === "string" && isReference(input) ? [input] : input,
});
