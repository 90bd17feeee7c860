import type { Finding } from "../doctor/finding.ts";

/** What a step has found: that all is well, why it does not apply to this stack, or what is wrong. */
export type Found =
  { readonly said: string } | { readonly notHere: string } | { readonly findings: readonly Finding[] };

export interface Step {
  readonly name: string;
  /** Steps without which this one would fail as well, for a reason that is not its own. */
  readonly needs: readonly string[];
  readonly run: () => Promise<Found>;
}

export interface Result {
  readonly step: string;
  /** `not here`: it does not apply to this stack. `not tried`: what it needs has failed. */
  readonly outcome: "good" | "failed" | "not here" | "not tried";
  readonly seconds: number;
  /** What was found good, or why nothing was tried; empty of what failed. */
  readonly said: string;
  readonly findings: readonly Finding[];
}

/** Runs steps one after the other; `tell` hears of each as it ends. */
export async function runSteps(steps: readonly Step[], tell: (result: Result) => void): Promise<Result[]> {
  const results: Result[] = [];
  for (const { name, needs, run } of steps) {
    const began = performance.now();
    const isBroken = ({ outcome }: Result) => outcome === "failed" || outcome === "not tried";
    const missing = results.find((result) => needs.includes(result.step) && isBroken(result));
    const found = missing
      ? notTried(missing)
      : outcomeOf(await run().catch((error: Error) => ({ findings: [{ seen: error.message }] })));
    const result: Result = { step: name, seconds: Math.round((performance.now() - began) / 100) / 10, ...found };
    results.push(result);
    tell(result);
  }
  return results;
}

const notTried = ({ step }: Result) =>
  ({ outcome: "not tried", said: `it needs what "${step}" looks at`, findings: [] }) as const;

function outcomeOf(found: Found): Pick<Result, "outcome" | "said" | "findings"> {
  if ("said" in found) return { outcome: "good", said: found.said, findings: [] };
  if ("notHere" in found) return { outcome: "not here", said: found.notHere, findings: [] };
  return { outcome: "failed", said: "", findings: found.findings };
}
