import path from "node:path";
import pc from "picocolors";
import { createBackup } from "./backup/create.ts";
import { backupsFolder } from "./backup/folder.ts";
import type { Exported } from "./backup/secrets.ts";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";
import { pulumiEnvironment } from "./pulumi-environment.ts";
import { describeLock, isStale, locksOf } from "./recovery/stack-lock.ts";

interface Options {
  readonly stack: string;
  readonly to?: string;
  readonly json?: true;
}

async function backup({ stack, to, json }: Options): Promise<void> {
  const pulumi = await Pulumi.existing(stack);
  for (const lock of (await locksOf(await pulumi.backendUrl(), pulumi.project, stack)) ?? [])
    // What is half deployed now is not what anybody wants back.
    if (!(await isStale(lock)))
      throw new Error(`stack ${stack} is deployed at this moment by ${describeLock(lock)}: wait until that has ended`);
  const held = await pulumi.held();
  if (!held) throw notDeployed(stack);
  const { file, manifest } = await createBackup(pulumi, held, path.resolve(to ?? backupsFolder(stack)));
  if (json) printJson({ file, ...manifest });
  else console.log(`${pc.bold(file)}\nTo restore it: npm run restore -- --stack ${stack} ${file}`);
  console.error(await whatElse(await pulumi.encryptedState()));
}

/** What a backup is worth nothing without. */
async function whatElse(state: string): Promise<string> {
  const { type = "" } = (JSON.parse(state) as Exported).deployment.secrets_providers ?? {};
  const loud = (text: string) => pc.bold(pc.yellow(text));
  if (type !== "passphrase")
    return loud(`\nThe secrets in it are encrypted by ${type}: without a login there nobody can read them.`);
  // A variable's value, and a file of the user's own choice, are theirs to know; neither is asked for here.
  const own = (await pulumiEnvironment()).PULUMI_CONFIG_PASSPHRASE_FILE ?? process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  return `
${loud("THE PASSPHRASE IS NOT IN IT, and without the passphrase no secret of the stack can be read, and no key of a client comes back.")}
It is ${own === undefined ? "what PULUMI_CONFIG_PASSPHRASE is set to" : `in ${own}`}. Keep a copy of it, somewhere else than the backup.
The backup has the record of calls and what clients stored, in plain text: keep it where only you can read it.`;
}

await main(
  import.meta.filename,
  command(
    "backup",
    "Makes one file of all that a stack holds: its databases, what clients stored in servers, the record of calls, its state and settings.",
  )
    .addOption(stackOption())
    .option("--to <folder>", "where to put it (default: ~/.local/share/litellm-mcp/backups/<stack>)")
    .addOption(jsonOption())
    .hook("preAction", prepared("pulumi"))
    .action(backup),
);
