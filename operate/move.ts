import path from "node:path";
import { text } from "@clack/prompts";
import pc from "picocolors";
import { step } from "../bootstrap/steps.ts";
import { connectDocker } from "../components/docker/docker-connection.ts";
import type { Settings } from "../settings/settings.ts";
import { agree } from "./agree.ts";
import { createBackup } from "./backup/create.ts";
import { backupsFolder } from "./backup/folder.ts";
import type { Held } from "./backup/held.ts";
import { openBackup, readOpener, refuseUnopened } from "./backup/open-backup.ts";
import { recipientsOf } from "./backup/recipients.ts";
import { secretsAlone } from "./backup/secrets.ts";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { settingsOfStack } from "./config/stack-settings.ts";
import { Pulumi } from "./deployed-stack.ts";
import { type Elsewhere, elsewhere } from "./move/elsewhere.ts";
import { ofStack } from "./recovery/on-daemon.ts";
import type { OnRecord } from "./recovery/on-record.ts";
import { recover, removeRemains } from "./recovery/recover.ts";
import { restore } from "./restore.ts";

interface Options {
  readonly stack: string;
  readonly identity?: string;
  /** A backup, where the place is gone on which the stack was. */
  readonly from?: string;
  readonly yes?: boolean;
}

async function move({ stack, identity, from, yes }: Options): Promise<void> {
  const { file: settingsFile, settings } = settingsOfStack(stack);
  const opener = await readOpener(identity);
  const pulumi = await Pulumi.existing(stack);
  const [record, held] = [await pulumi.onRecord(), await pulumi.held()];
  if (!held || !record.endpoint)
    throw new Error(
      `nothing to move, and nothing was changed: stack ${stack} is not deployed. If a move was ended in the middle, the file that it has named brings everything ` +
        `to where the settings say: npm run restore${stackArguments(stack) || " --"} FILE`,
    );
  const goal = await elsewhere(pulumi, settings);
  if (!goal)
    throw new Error(
      `nothing to move, and nothing was changed: ${settingsFile} says that stack ${stack} is where it is deployed, on ${record.endpoint.host}. First write there ` +
        "where it shall be: litellm-mcp:docker and litellm-mcp:lan for another host, litellm-mcp:postgres for another Postgres",
    );
  const recipients = recipientsOf(stack);
  if (from === undefined && recipients.length && !opener.identities.length)
    throw new Error(
      `nothing was changed: the backup with which it is moved is encrypted for ${recipients.join(", ")}. Say which file has the identity of one of them: ` +
        `npm run move -- --stack ${stack} --identity KEYFILE`,
    );
  if (from === undefined) await refuseProtected(pulumi);
  else await refuseIfThere(record, held, settings);
  const { errors } = await step("look at where it goes", () => pulumi.preview());
  if (errors.length) throw new Error(`${errors.join("\n")}\n\nNot moved, and nothing was changed.`);
  console.log(describe(stack, record, goal, from));
  await agree({ ...(yes !== undefined && { yes }) }, async () => {
    const name = await text({ message: `Type ${stack} to move it` });
    return typeof name === "symbol" ? name : name === stack;
  });

  await recover(pulumi);
  const file =
    from === undefined ? (await createBackup(pulumi, held, backupsFolder(stack), recipients)).file : path.resolve(from);
  const restoring = `npm run restore -- --stack ${stack} ${file}${identity === undefined ? "" : ` --identity ${identity}`}`;
  refuseUnopened(await openBackup(file, opener), `npm run move -- --stack ${stack} --from ${file} --identity KEYFILE`);
  console.log(`${pc.bold(file)} has everything, and is whole. Should this command be ended from here on: ${restoring}`);
  if (from === undefined) await leave(pulumi, settingsFile, restoring);
  else await pulumi.importState(secretsAlone(await pulumi.exported()));
  await restore(file, { stack, yes: true, ...(identity !== undefined && { identity }) }).catch((error: Error) => {
    throw new Error(
      `${error.message}\n\nThe move is not complete. When that is fixed, or ${settingsFile} is as it was before: ${restoring}`,
      { cause: error },
    );
  });
  console.log(`Stack ${pc.bold(stack)} is moved: ${goal.places}.`);
}

/** Destroys what is at the old place; what outlives every `down` stays there. */
async function leave(pulumi: Pulumi, settingsFile: string, restoring: string): Promise<void> {
  const record = await pulumi.onRecord();
  if ((await pulumi.downAsDeployed()) !== 0)
    throw new Error(
      `\nNot moved: what is at the old place could not be destroyed as a whole; see above. Back to where it was: write ${settingsFile} as it was, and npm run up` +
        `${stackArguments(pulumi.stack)}. Or, once all of it is destroyed: ${restoring}`,
    );
  await removeRemains(record);
}

/** @throws Error where Pulumi would refuse to destroy the databases. */
async function refuseProtected(pulumi: Pulumi): Promise<void> {
  const { deployment } = await pulumi.exported();
  if (!(deployment.resources ?? []).some(({ protect }) => protect)) return;
  throw new Error(
    "nothing was changed: the stack was deployed with litellm-mcp:postgres.protect, with which nobody drops its databases, and a move drops them where they were, " +
      `when they are in a backup. If that is meant: protect: false with the settings as they were, npm run up${stackArguments(pulumi.stack)}, then the new settings again`,
  );
}

/** @throws Error where there is something to move without a backup of before, or the databases are still there. */
async function refuseIfThere({ stackId, endpoint }: OnRecord, held: Held, { postgres }: Settings): Promise<void> {
  if (held.postgres.kind === "existing" && postgres.kind === "existing")
    throw new Error(
      "nothing was changed: --from is for a stack whose databases are gone as well, and these are on a Postgres that existed before",
    );
  const found = await ofStack(connectDocker(endpoint!), stackId!).catch(() => {
    // It is gone, as was said.
    return [];
  });
  if (found.length)
    throw new Error(
      `nothing was changed: the stack is still on ${endpoint!.host}. Without --from it is moved with what it has now`,
    );
}

/** What will happen, for whoever is asked. */
function describe(stack: string, { endpoint }: OnRecord, goal: Elsewhere, from: string | undefined): string {
  const begin = `Moves stack ${pc.bold(stack)}, which is on ${endpoint!.host}: ${pc.bold(goal.places)}.`;
  return from === undefined
    ? `${begin}
  - a backup is made, and read from its beginning to its end
  - the stack is destroyed where it is${goal.isOtherHost ? "; volumes with the record of calls and with what clients stored stay there, until you remove them" : ""}
  - it is deployed with the settings of today and the keys of the backup, and all that is in the backup is put there
The gateway is away meanwhile. Clients go on with their keys${goal.isOtherHost ? ", and have to be told the new address" : ""}.`
    : `${begin}
  - the state forgets the old place, where nothing is destroyed: ${pc.yellow("should it come back, a second gateway runs there")}
  - the stack is deployed with the settings of today, and all that is in ${from} is put there, keys included if it has them`;
}

await main(
  import.meta.filename,
  command(
    "move",
    "Moves a stack to where its settings say by now: to another host, to another Postgres. All that is stored comes along, and the keys.",
  )
    .addOption(stackOption())
    .option("--identity <file>", "where backups are encrypted: file with an identity of age that opens them")
    .option(
      "--from <file>",
      "the old place is gone for good: this backup instead of a new one, and nothing is destroyed there",
    )
    .option("--yes", "ask nothing")
    .hook("preAction", prepared("host"))
    .action(move),
);
