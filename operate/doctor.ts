import pc from "picocolors";
import { waitForHealth } from "../components/docker/wait-for-health.ts";
import { command, jsonOption, main, prepared, printJson, stackArguments, stackOption } from "./command.ts";
import { Pulumi, type States, whereStatesAre } from "./deployed-stack.ts";
import { findings } from "./doctor/examine.ts";
import { type Finding, showFinding } from "./doctor/finding.ts";
import { mendAll } from "./doctor/mends.ts";
import { explained } from "./doctor/said.ts";
import { brokenStates } from "./doctor/state.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
  readonly fix?: true;
}

/** So long a container that was started again may take until it is healthy. */
const WELL_WITHIN_SECONDS = 120;

async function doctor({ stack, json, fix }: Options): Promise<void> {
  const states = await whereStatesAre();
  let found = await examined(stack, states);
  if (fix && (await mendAll(found, said, (container) => wellAgain(stack, states, container))))
    found = await examined(stack, states);
  if (json) printJson(found.map(({ seen, means, fix: todo, mend }) => ({ seen, means, fix: todo, mends: mend?.does })));
  else if (found.length) console.log(shown(found, stack));
  else console.log(pc.green(`Stack ${stack} is as it should be, and every tool answers.`));
  if (found.length) process.exitCode = 1;
}

/** @throws Error that nobody has thought of, or that says that there is no such stack. */
async function examined(stack: string, states: States): Promise<Finding[]> {
  const broken = await brokenStates(states.backendUrl, states.project, stack);
  if (broken.length) return broken;
  try {
    return await findings(await Pulumi.existing(stack, states), (what) => console.error(pc.dim(`… ${what}`)));
  } catch (error) {
    const known = explained(error as Error);
    if (!known) throw error;
    return known;
  }
}

async function wellAgain(stack: string, states: States, container: string): Promise<void> {
  const { docker } = await (await Pulumi.existing(stack, states)).deployed();
  await waitForHealth({ docker, container, withinSeconds: WELL_WITHIN_SECONDS });
}

/** Standard output is for what is found. */
const said = (what: string, problem?: string): void =>
  console.error(problem === undefined ? pc.green(`✔ ${what}`) : pc.red(`✖ failed: ${what}: ${problem}`));

function shown(found: readonly Finding[], stack: string): string {
  const mendable = found.filter(({ mend }) => mend).length;
  return [
    ...found.map((one) => `${pc.red("✖")} ${showFinding(one)}\n`),
    ...(mendable
      ? [
          `npm run doctor${stackArguments(stack) || " --"} --fix mends ${mendable} of ${found.length}, and loses nothing.`,
        ]
      : []),
  ].join("\n");
}

await main(
  import.meta.filename,
  command(
    "doctor",
    "Looks for what is wrong with a stack, from its settings to a call of each tool, says what it means and what to do. Changes nothing without --fix. Exit code 1 when something is wrong.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .option(
      "--fix",
      "do what loses nothing: start, unpause and reconnect containers, take away the lock and the left-overs of a run that was killed; then look again",
    )
    .hook("preAction", prepared("pulumi"))
    .action(doctor),
);
