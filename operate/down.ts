import { text } from "@clack/prompts";
import pc from "picocolors";
import { agree } from "./agree.ts";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { recover, removeRemains } from "./recovery/recover.ts";

async function down({ stack, yes }: { readonly stack: string; readonly yes?: boolean }): Promise<void> {
  const pulumi = await Pulumi.existing(stack);
  const { endpoint } = await pulumi.onRecord();
  console.log(
    `Destroys stack ${pc.bold(stack)}${endpoint ? ` on ${endpoint.host}` : ""}: containers, networks, databases with the keys and the record of spend.
Every client has a new key after the next npm run up, unless a backup is restored (npm run backup${stackArguments(stack)}). What stays: settings and secrets, audit files, what clients stored in servers such as memory, and the backups that the host made each day.`,
  );
  // The name, and not a yes: whoever meant another stack notices.
  await agree({ ...(yes !== undefined && { yes }) }, async () => {
    const name = await text({ message: `Type ${stack} to destroy it` });
    return typeof name === "symbol" ? name : name === stack;
  });
  await recover(pulumi);
  const record = await pulumi.onRecord();
  process.exitCode = await pulumi.down();
  if (process.exitCode === 0) await removeRemains(record);
}

await main(
  import.meta.filename,
  command("down", "Destroys everything a stack has on the host: containers, networks, volumes, databases, keys.")
    .addOption(stackOption("stack to destroy"))
    .option("--yes", "ask nothing")
    .hook("preAction", prepared("host"))
    .action(down),
);
