import path from "node:path";
import pc from "picocolors";
import { createBackup } from "./backup/create.ts";
import { backupsFolder } from "./backup/folder.ts";
import { newIdentity } from "./backup/identity.ts";
import { readRecipients, recipientsOf } from "./backup/recipients.ts";
import type { Exported } from "./backup/secrets.ts";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";
import { pulumiEnvironment } from "./pulumi-environment.ts";
import { describeLock, isStale, locksOf } from "./recovery/stack-lock.ts";

interface Options {
  readonly stack: string;
  readonly to?: string;
  readonly recipient?: readonly string[];
  readonly newIdentity?: string;
  readonly json?: true;
}

async function backup({ stack, to, json, recipient, newIdentity: identity }: Options): Promise<void> {
  if (identity !== undefined) return makeIdentity(identity, stack);
  const pulumi = await Pulumi.existing(stack);
  const recipients = recipient ? readRecipients(recipient) : recipientsOf(stack);
  for (const lock of (await locksOf(await pulumi.backendUrl(), pulumi.project, stack)) ?? [])
    // What is half deployed now is not what anybody wants back.
    if (!(await isStale(lock)))
      throw new Error(`stack ${stack} is deployed at this moment by ${describeLock(lock)}: wait until that has ended`);
  const held = await pulumi.held();
  if (!held) throw notDeployed(stack);
  const { file, manifest } = await createBackup(pulumi, held, path.resolve(to ?? backupsFolder(stack)), recipients);
  if (json) printJson({ file, ...manifest });
  else
    console.log(
      `${pc.bold(file)}\nTo restore it: npm run restore -- --stack ${stack} ${file}${recipients.length ? " --identity KEYFILE" : ""}`,
    );
  console.error(await whatElse(await pulumi.encryptedState(), recipients));
}

/** Needs no stack. */
async function makeIdentity(given: string, stack: string): Promise<void> {
  const file = path.resolve(given);
  const recipient = await newIdentity(file);
  console.log(`${recipient}
Backups are encrypted for it with this in Pulumi.${stack}.yaml, below config: (a container then makes one each night as well)
  litellm-mcp:backup: { recipients: [${recipient}] }
or, by this command alone: npm run backup -- --stack ${stack} --recipient ${recipient}`);
  console.error(`
${loud(`WHAT IS IN ${file} OPENS THEM, and nothing else does: when it is lost, they are lost.`)}
Keep copies of it in two places that are neither this machine nor the gateway's host, such as a password manager and paper.`);
}

const loud = (text: string) => pc.bold(pc.yellow(text));

/** What a backup is worth nothing without. */
async function whatElse(state: string, recipients: readonly string[]): Promise<string> {
  const { type = "" } = (JSON.parse(state) as Exported).deployment.secrets_providers ?? {};
  const readable = recipients.length
    ? `It is encrypted for ${recipients.join(", ")}: ${loud("without the identity of one of them NOBODY can read it.")} Names of tables and numbers of rows are not encrypted.`
    : "The backup has the record of calls and what clients stored, in plain text: keep it where only you can read it.";
  if (type !== "passphrase")
    return `\n${loud(`The secrets in it are encrypted by ${type}: without a login there nobody can read them.`)}\n${readable}`;
  // A variable's value, and a file of the user's own choice, are theirs to know; neither is asked for here.
  const own = (await pulumiEnvironment()).PULUMI_CONFIG_PASSPHRASE_FILE ?? process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  return `
${loud("THE PASSPHRASE IS NOT IN IT, and without the passphrase no secret of the stack can be read, and no key of a client comes back.")}
It is ${own === undefined ? "what PULUMI_CONFIG_PASSPHRASE is set to" : `in ${own}`}. Keep a copy of it, somewhere else than the backup.
${readable}`;
}

await main(
  import.meta.filename,
  command(
    "backup",
    "Makes one file of all that a stack holds: its databases, what clients stored in servers, the record of calls, its state and settings.",
  )
    .addOption(stackOption())
    .option("--to <folder>", "where to put it (default: ~/.local/share/litellm-mcp/backups/<stack>)")
    .option(
      "--recipient <age1...>",
      "encrypts it for whoever has the identity of this recipient of age, or of another one if there are several; instead of litellm-mcp:backup.recipients",
      (one: string, others: readonly string[] = []) => [...others, one],
    )
    .option(
      "--new-identity <file>",
      "makes no backup, but an identity of age, as age-keygen does, and says what to write for it",
    )
    .addOption(jsonOption())
    .hook("preAction", async (program, action) => {
      if (action.opts<Options>().newIdentity === undefined) await prepared("pulumi")(program, action);
    })
    .action(backup),
);
