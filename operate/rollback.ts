import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { confirm } from "@clack/prompts";
import { structuredPatch } from "diff";
import pc from "picocolors";
import writeFileAtomic from "write-file-atomic";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { known } from "../components/docker/gone.ts";
import { LITELLM_DATABASE } from "../components/postgres/databases.ts";
import { projectRoot } from "../lib/project-root.ts";
import { agree } from "./agree.ts";
import { createBackup } from "./backup/create.ts";
import { withPostgresTools } from "./backup/databases.ts";
import type { BackupFile } from "./backup/file.ts";
import { backupsFolder } from "./backup/folder.ts";
import type { Held } from "./backup/held.ts";
import { type Manifest, rowsIn } from "./backup/manifest.ts";
import { type Opener, openBackup, readOpener, refuseUnopened } from "./backup/open-backup.ts";
import { putBackLiteLlm } from "./backup/put-back.ts";
import { recipientsOf } from "./backup/recipients.ts";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { settingsIn } from "./config/stack-settings.ts";
import { deploy } from "./deploy.ts";
import { Pulumi } from "./deployed-stack.ts";
import { withImage } from "./move/image-setting.ts";
import { shownMove, shownVersion } from "./move/moved-image.ts";
import { lastMove, type MoveRecord, readMove, writeMove } from "./move/record.ts";
import { deployAgain, lookAgain, recover } from "./recovery/recover.ts";
import { check, summary } from "./verify.ts";

interface Options {
  readonly stack: string;
  readonly yes?: boolean;
  readonly backup: boolean;
  readonly identity?: string;
}

/** What `npm run rollback` has found out before it asks. */
interface Way {
  readonly record: MoveRecord;
  readonly stackId: string;
  readonly held: Held | undefined;
  /** What the database is put back to; undefined: it is as it was before the move. */
  readonly database: { readonly file: BackupFile; readonly manifest: Manifest } | undefined;
  readonly settings: Edit;
}

interface Edit {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

async function rollback({ stack, yes, backup, identity }: Options): Promise<void> {
  const opener = await readOpener(identity);
  const pulumi = await Pulumi.existing(stack);
  const way = await wayBack(pulumi, opener);
  console.log(await describe(pulumi, way, backup));
  await agree({ ...(yes !== undefined && { yes }) }, () =>
    confirm({ message: `Go back to LiteLLM ${shownVersion(way.record.from.image)}?`, initialValue: false }),
  );

  await recover(pulumi);
  const { stackId, settings } = way;
  const note = async (done: Partial<NonNullable<MoveRecord["rollback"]>>): Promise<void> => {
    const record = (await readMove(stack, stackId)) ?? way.record;
    const { kept, isReturned } = record.rollback ?? { kept: [], isReturned: false };
    await writeMove(stack, stackId, { ...record, rollback: { kept, isReturned, done: null, ...done } });
  };
  if (way.database && way.held) {
    const { held } = way;
    const { file, manifest } = way.database;
    const kept = way.record.rollback?.kept ?? [];
    await putBackLiteLlm(file, manifest, held, async () => {
      const own = backup ? [await keepPresent(pulumi, held)] : [];
      // From here on nobody but this command knows which LiteLLM the database is for.
      await note({ kept: [...kept, ...own], isReturned: false });
    });
    await note({ kept: (await readMove(stack, stackId))?.rollback?.kept ?? kept, isReturned: true });
  }
  await writeFileAtomic(path.join(projectRoot, settings.file), settings.after);

  const again = (error: Error) => {
    throw new Error(
      `${error.message}\n\nNot completed: ${settings.file} and the database are as before the move. Run npm run rollback${stackArguments(stack)} again when that is fixed`,
      { cause: error },
    );
  };
  const isExpected = () => Promise.resolve();
  await deploy(pulumi, [], isExpected)
    .catch((error: Error) => deployAgain(pulumi, error, isExpected))
    .catch(again);
  // Keys that were made after the backup, and rights as the settings say them now.
  await lookAgain(pulumi).catch(again);
  await deploy(pulumi).catch(again);
  const checked = await check(pulumi).catch(again);
  await note({ done: new Date().toISOString() });
  console.log(`${summary(checked)}\n${pc.green(`LiteLLM is ${shownVersion(way.record.from.image)} again.`)}`);
  console.log(afterwards(stack, (await readMove(stack, stackId)) ?? way.record));
}

/**
 * What there is to go back to, and how.
 *
 * @throws Error that says why there is nothing.
 */
async function wayBack(pulumi: Pulumi, opener: Opener): Promise<Way> {
  const { stack } = pulumi;
  const nothing = (why: string) =>
    new Error(
      `nothing to go back to, and nothing was changed: ${why}. What else there is: docs/operate.md, "Going back"; backups are restored by ` +
        `npm run restore${stackArguments(stack) || " --"} FILE`,
    );
  const { stackId, record } = await lastMove(pulumi);
  if (!record || stackId === undefined)
    throw nothing(
      `no npm run up of this machine has moved stack ${stack}, as it is deployed now, to another image of LiteLLM`,
    );
  const { from, to, rollback: earlier } = record;
  const move = `the move ${shownMove({ from: from.image, to: to.image })} of ${shownTime(record.at)}`;
  if (earlier?.done) throw nothing(`${move} was taken back on ${shownTime(earlier.done)}`);
  const held = await pulumi.held();
  const settings = editOf(stack, from.image);

  // The older one is there; or the database is ready for it, and nothing has used that since.
  const isReady = held?.litellm.imageId === from.imageId || (earlier?.isReturned === true && !(await isRunning(held)));
  if (isReady) return { record, stackId, held, database: undefined, settings };
  if (!held)
    throw new Error(
      `nothing was changed: LiteLLM of stack ${stack} has no container, through which its database is found. Make it by npm run up${stackArguments(stack)}, even if that ends red, and run the command again`,
    );
  if (![from.image, to.image].includes(held.litellm.image))
    throw nothing(`LiteLLM is ${held.litellm.image} now, and ${move} was another one`);
  if (record.backup === null) throw nothing(`${move} was made without a backup (--no-backup)`);
  if (!existsSync(record.backup)) throw nothing(`${move} had the backup ${record.backup}, which is not there any more`);
  const opened = await openBackup(record.backup, opener);
  refuseUnopened(opened, `npm run rollback${stackArguments(stack) || " --"} --identity KEYFILE`);
  const { backup, manifest } = opened;
  if (manifest.stack !== stack || manifest.versions.litellm !== from.image)
    throw nothing(`${record.backup} is of stack ${manifest.stack} with LiteLLM ${manifest.versions.litellm}`);
  return { record, stackId, held, database: { file: backup, manifest }, settings };
}

async function isRunning(held: Held | undefined): Promise<boolean> {
  if (!held) return false;
  const container = connectDocker(held.docker).getContainer(held.litellm.container);
  // Unknown: somebody has removed it.
  return (await known(container.inspect()))?.State.Running ?? false;
}

/** The stack's file with the image of before; settings that the older LiteLLM does not take are found here. */
function editOf(stack: string, image: string): Edit {
  const file = `Pulumi.${stack}.yaml`;
  const before = readFileSync(path.join(projectRoot, file), "utf8");
  const after = withImage(before, image);
  try {
    settingsIn(after, file);
  } catch (error) {
    throw new Error(
      `nothing was changed: with LiteLLM ${shownVersion(image)} the settings are not right any more. Fix it and run the command again\n${(error as Error).message}`,
      { cause: error },
    );
  }
  return { file, before, after };
}

const shownTime = (time: string) => `${time.slice(0, 16).replace("T", " ")} UTC`;

/** What will happen, for whoever is asked. */
async function describe(pulumi: Pulumi, { record, held, database, settings }: Way, backup: boolean): Promise<string> {
  const { from, to, at } = record;
  const title = `Stack ${pc.bold(pulumi.stack)} goes back to LiteLLM ${pc.bold(shownVersion(from.image))}, from ${shownVersion(to.image)} to which it was moved on ${shownTime(at)}.`;
  const lines = [
    database && held ? await describeDatabase(held, database.manifest, record.backup!, at) : [],
    patchOf(settings),
  ].flat();
  const lost = database
    ? `What LiteLLM itself has written since then is not in its database afterwards: rows of spend, what clients have used of their budgets, and what
somebody has made in its UI. ${
        backup
          ? `Before that it is put into a file of its own in ${backupsFolder(pulumi.stack)}.`
          : pc.yellow("It is kept nowhere (--no-backup).")
      }
LiteLLM is stopped meanwhile; requests wait, and longer ones than two minutes fail. Nothing is lost of the record of calls (npm run audit), of what
clients stored in servers, and of other databases.`
    : `The database of LiteLLM is that of ${shownVersion(from.image)} already, and stays as it is.`;
  return [title, ...lines, lost].join("\n");
}

async function describeDatabase(held: Held, manifest: Manifest, file: string, since: string): Promise<string[]> {
  const database = manifest.databases.find(({ name }) => name === LITELLM_DATABASE);
  const rows = await withPostgresTools(connectDocker(held.docker), held, (tools) =>
    tools.ask(LITELLM_DATABASE, `SELECT count(*) FROM "LiteLLM_SpendLogs" WHERE "startTime" >= '${since}'`),
  );
  return [
    `  - database ${LITELLM_DATABASE}: as it was, ${database ? rowsIn(database) : 0} rows, from ${file}`,
    `    ${Number(rows)} rows of spend have come since`,
  ];
}

function patchOf({ file, before, after }: Edit): string[] {
  const { hunks } = structuredPatch("", "", before, after, undefined, undefined, { context: 0 });
  const lines = hunks.flatMap((hunk) => hunk.lines).filter((line) => /^[+-]/.test(line));
  if (!lines.length) return [`  - ${file}: says so already`];
  return [`  - ${file}:`, ...lines.map((line) => `      ${line.startsWith("+") ? pc.green(line) : pc.red(line)}`)];
}

/** What is only in the database of now, before the one of before takes its place. */
async function keepPresent(pulumi: Pulumi, held: Held): Promise<string> {
  const database = { ...held, databases: [LITELLM_DATABASE], volumes: [] };
  const recipients = recipientsOf(pulumi.stack);
  const { file } = await createBackup(pulumi, database, backupsFolder(pulumi.stack), recipients);
  return file;
}

function afterwards(stack: string, { to, rollback: end }: MoveRecord): string {
  const [file] = end?.kept.slice(-1) ?? [];
  if (file === undefined) return "";
  return `What LiteLLM ${shownVersion(to.image)} had in its database is in ${pc.bold(file)}. It stays until you remove it. It is for that version alone:
once LiteLLM is moved there again, npm run restore${stackArguments(stack) || " --"} ${file} brings it back.`;
}

await main(
  import.meta.filename,
  command(
    "rollback",
    "Takes the last move of LiteLLM to another image back: its database as the backup of before has it, the image in the stack's file, and the check of the whole gateway.",
  )
    .addOption(stackOption())
    .option("--identity <file>", "of a backup that is encrypted: file with an identity of age that opens it")
    .option("--no-backup", "do not keep what LiteLLM has written since the move")
    .option("--yes", "ask nothing")
    .addHelpText(
      "after",
      "\nInterrupted, it is completed by running it again. Of the settings it changes litellm-mcp:gateway.image alone; what else was changed since the move stays.",
    )
    .hook("preAction", prepared("host"))
    .action(rollback),
);
