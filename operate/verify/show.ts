import pc from "picocolors";
import { stackArguments } from "../command.ts";
import { showFinding } from "../doctor/finding.ts";
import type { Result } from "./steps.ts";

const MARKS = { good: pc.green("✔"), failed: pc.red("✖"), "not here": pc.dim("–") };
/** The longest name of a step, and a blank. */
const NAME_WIDTH = 11;

/** One line of a step that is well; below one that failed what was seen and what it means; nothing of one that was not tried. */
export function showResult({ step, outcome, seconds, said, findings }: Result): string | undefined {
  if (outcome === "not tried") return undefined;
  const head = `${MARKS[outcome]} ${step.padEnd(NAME_WIDTH)} ${`${seconds.toFixed(1)} s`.padStart(7)}`;
  const below = findings.map((one) => `  ${showFinding(one).replace(/\n/g, "\n  ")}`);
  return [said ? `${head}  ${said}` : head, ...below].join("\n");
}

/** The last line. */
export function verdict(stack: string, results: readonly Result[]): string {
  const of = (wanted: Result["outcome"]) => results.flatMap(({ step, outcome }) => (outcome === wanted ? [step] : []));
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0).toFixed(1);
  const [failed, untried] = [of("failed"), of("not tried")];
  if (failed.length)
    return [
      ...(untried.length ? [`Not tried, because each needs what failed: ${untried.join(", ")}.`] : []),
      pc.red(`Stack ${stack}: ${failed.join(", ")} failed. npm run doctor${stackArguments(stack)} looks further.`),
    ].join("\n");
  return pc.green(`Stack ${stack} does what it should: ${of("good").length} of ${results.length} steps, ${seconds} s.`);
}
