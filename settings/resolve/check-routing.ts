import { type Context, type Parsed, stackPath } from "../context.ts";

/** Refuses fallbacks that LiteLLM would find nobody for: it says so only when a model has failed. */
export function checkRouting({ routing, models }: Parsed, { stackFile, problems }: Context): void {
  if (!routing || !models) return;
  const names = [...new Set(models.map(({ name }) => name))];
  for (const [model, others] of Object.entries(routing.fallbacks)) {
    const at = ["routing", "fallbacks", model] as const;
    if (!names.includes(model))
      problems.add(stackFile, stackPath(...at), model, `one of the models ${names.join(", ")}`);
    for (const [index, other] of others.entries()) {
      if (names.includes(other) && other !== model) continue;
      const rest = names.filter((name) => name !== model);
      const write = rest.length ? `one of the models ${rest.join(", ")}` : "leave it out: there is no other model";
      problems.add(stackFile, stackPath(...at, index), other, write);
    }
  }
}
