import pc from "picocolors";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { findings } from "./doctor/examine.ts";
import { showFinding } from "./doctor/finding.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
}

async function doctor({ stack, json }: Options): Promise<void> {
  const found = await findings(await Pulumi.existing(stack), (what) => console.error(pc.dim(`… ${what}`)));
  if (json) printJson(found);
  else if (found.length) for (const one of found) console.log(`${pc.red("✖")} ${showFinding(one)}\n`);
  else console.log(pc.green(`Stack ${stack} is as it should be, and every tool answers.`));
  if (found.length) process.exitCode = 1;
}

await main(
  import.meta.filename,
  command(
    "doctor",
    "Looks for what is wrong with a stack, from its settings to a call of each tool, says what it means and what to do. Changes nothing. Exit code 1 when something is wrong.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .hook("preAction", prepared("pulumi"))
    .action(doctor),
);
