import type { z } from "zod";
import { SENSITIVE_KINDS } from "../../lib/sensitive.ts";
import { list, oneOf, strict } from "./fields.ts";

const KINDS = SENSITIVE_KINDS.join(", ");
const kinds = () => list(oneOf(SENSITIVE_KINDS, `one of ${KINDS}`), `a list of ${KINDS}`).default([]);

export const guard = strict({
  refuse: kinds().describe(
    "A call of a tool that has one of these in its arguments is refused; no server hears of it.",
  ),
  mask: kinds().describe(
    "These, and those that are refused, are masked in what is recorded of calls: in audit files and in LiteLLM's rows of " +
      "spend. What `litellm-mcp:telemetry` sends may have them. Servers get them as they are.",
  ),
})
  .optional()
  .meta({
    description:
      "What may not be in the arguments of tools, or not in records of them. It is found by its form: a `token` by the " +
      "beginnings that well-known ones have, an `email` by its @. What has no such form, such as a name, is not found.",
    examples: [{ refuse: ["privateKey", "token"], mask: ["email", "phone", "iban", "card"] }],
  });

export type GuardConfig = NonNullable<z.infer<typeof guard>>;
