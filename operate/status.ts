import { Option } from "commander";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { collect } from "./status/collect.ts";
import { showMarkdown, showTables } from "./status/show.ts";
import { problemsOf } from "./status/status.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
  readonly markdown?: true;
}

/** Looks at everything that a deployed stack has and changes nothing; it calls no tool, which `npm run verify` does. */
async function status({ stack, json, markdown }: Options): Promise<void> {
  const found = await collect(await (await Pulumi.existing(stack)).deployed());
  const problems = problemsOf(found);
  if (json) printJson({ ...found, problems });
  else console.log(markdown ? showMarkdown(found, problems, new Date()) : showTables(found, problems));
  if (problems.length) process.exitCode = 1;
}

await main(
  import.meta.filename,
  command(
    "status",
    "Shows what a deployed stack has and how it is: containers, servers, clients, networks, databases. Exit code 1 when something is not as it should be.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .addOption(
      new Option(
        "--markdown",
        "print a document that says what there is (with npm run --silent, nothing else)",
      ).conflicts("json"),
    )
    .hook("preAction", prepared("pulumi"))
    .action(status),
);
