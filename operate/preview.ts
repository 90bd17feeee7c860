import pc from "picocolors";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { showPlan } from "./preview/show.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
}

/** Shows what an `up` would do and changes nothing. */
async function preview({ stack, json }: Options): Promise<void> {
  const plan = await (await Pulumi.open(stack)).preview();
  if (json) printJson(plan);
  else {
    for (const warning of plan.warnings) console.error(pc.yellow(`Warning: ${warning}`));
    for (const error of plan.errors) console.error(pc.red(error));
    if (!plan.errors.length) console.log(showPlan(plan));
  }
  if (plan.errors.length) process.exitCode = 1;
}

await main(
  import.meta.filename,
  command("preview", "Shows what npm run up would change, line by line, and changes nothing.")
    .addOption(stackOption("stack to look at"))
    .addOption(jsonOption())
    .hook("preAction", prepared("host"))
    .action(preview),
);
