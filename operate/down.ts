import { command, main, prepared, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";

await main(
  import.meta.filename,
  command("down", "Destroys everything a stack has on the host: containers, networks, volumes, databases, keys.")
    .addOption(stackOption("stack to destroy"))
    .option("--yes", "install missing system packages without asking")
    .hook("preAction", prepared("host"))
    .action(async ({ stack }: { stack: string }) => {
      process.exitCode = await (await Pulumi.existing(stack)).down();
    }),
);
