import { Command } from "commander";
import { Pulumi } from "./deployed-stack.ts";

const { stack } = new Command("npm run down --")
  .description("Destroys everything a stack has on the server: containers, networks, volumes, databases, keys.")
  .option("--stack <name>", "stack to destroy", "local")
  .option("--yes", "install missing system packages without asking")
  .parse()
  .opts<{ stack: string }>();

process.exit(await (await Pulumi.open(stack)).down());
