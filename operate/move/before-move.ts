import pc from "picocolors";
import { createBackup } from "../backup/create.ts";
import { backupsFolder } from "../backup/folder.ts";
import type { Held } from "../backup/held.ts";
import { recipientsOf } from "../backup/recipients.ts";
import { stackArguments } from "../command.ts";
import type { Pulumi } from "../deployed-stack.ts";
import type { Plan } from "../preview/plan.ts";
import { differencesBetween, VERSIONS_PAGE } from "./differences.ts";
import { versionOfImage } from "./image-setting.ts";
import { isOlder, type Move, moveIn, shownMove, shownVersion } from "./moved-image.ts";
import { isHalfBack, lastMove, type MoveRecord, readMove, writeMove } from "./record.ts";

const optionsFor = (stack: string, option: string) => `${stackArguments(stack) || " --"} ${option}`;

/**
 * What has to be done before LiteLLM gets another image: its database is migrated by the newer one, and nothing undoes that.
 * Says what differs, and makes a backup.
 *
 * @throws Error where nothing was changed, and nothing should be.
 */
export async function beforeMove(pulumi: Pulumi, plan: Plan, wantsBackup: boolean): Promise<void> {
  const held = await pulumi.held();
  if (!held) return;
  const record = held.stackId === undefined ? undefined : await readMove(pulumi.stack, held.stackId);
  const move = moveIn(plan) ?? unfinished(held, record);
  if (!move || held.stackId === undefined) return;
  refuseOlder(pulumi.stack, move);
  console.log(`\n${describeMove(move)}`);
  const backup = wantsBackup ? await makeBackup(pulumi, held, move) : null;
  await writeMove(pulumi.stack, held.stackId, {
    at: new Date().toISOString(),
    from: { image: move.from, imageId: held.litellm.imageId },
    to: { image: move.to },
    ...{ backup, isChecked: false, rollback: null },
  });
  console.log(
    backup === null
      ? pc.yellow(`No backup was made (--no-backup): there is no way back from this move.\n`)
      : `The backup of before is ${pc.bold(backup)}. It stays until you remove it; the way back is ${wayBack(pulumi.stack)}\n`,
  );
}

/** A move that ended before the new LiteLLM was started: the old one has gone on writing since its backup. */
function unfinished({ litellm }: Held, record: MoveRecord | undefined): Move | undefined {
  const isSame = record?.from.imageId === litellm.imageId && record.to.image === litellm.image && !record.rollback;
  return isSame ? { from: record.from.image, to: record.to.image } : undefined;
}

function refuseOlder(stack: string, move: Move): void {
  if (!isOlder(move)) return;
  throw new Error(
    `${shownMove(move)}: an older LiteLLM does not undo what a newer one has made of its database, and may delete what it does not know there. Nothing was ` +
      `changed. To go back to what was there before the last move, with its database: ${wayBack(stack)}`,
  );
}

const wayBack = (stack: string) => `npm run rollback${stackArguments(stack)}`;

/** What the move does, and what is otherwise in the new version. */
function describeMove(move: Move): string {
  return [
    `${pc.bold(shownMove(move))}: the newer one migrates LiteLLM's database when it starts, which nothing undoes.`,
    ...describeDifferences(move),
    pc.dim(`More: ${VERSIONS_PAGE}`),
  ].join("\n");
}

function describeDifferences({ from, to }: Move): string[] {
  const [before, after] = [versionOfImage(from), versionOfImage(to)];
  if (before === undefined || after === undefined)
    return ["An image that does not say its version: what is otherwise in it, nobody knows here."];
  const differences = differencesBetween(before, after);
  if (!differences) return [`Nobody has compared ${before} with ${after}.`];
  const unseen = [
    ...(differences.before === before ? [] : [`of ${before}: what was seen of ${differences.before}`]),
    ...(differences.after === after ? [] : [`of ${after}: what was seen of ${differences.after}`]),
  ];
  return [
    ...(unseen.length
      ? [pc.yellow(`Nobody has looked at all of these versions; shown is, ${unseen.join(", and ")}.`)]
      : []),
    differences.found.length
      ? "What was seen otherwise at LiteLLM itself (what clients get is made by the ingress, and the same):"
      : "No difference between them is known.",
    ...differences.found.map(({ what, before: old, after: now }) => `  - ${what}: ${pc.red(old)} → ${pc.green(now)}`),
  ];
}

async function makeBackup(pulumi: Pulumi, held: Held, move: Move): Promise<string> {
  console.log(`A backup is made before (not wanted: npm run up${optionsFor(pulumi.stack, "--no-backup")}):`);
  const recipients = recipientsOf(pulumi.stack);
  const { file } = await createBackup(pulumi, held, backupsFolder(pulumi.stack), recipients).catch((error: Error) => {
    throw new Error(
      `${error.message}\n\nNot deployed, because there is no backup of LiteLLM ${shownVersion(move.from)}: fix it and run the command again. ` +
        `npm run up${optionsFor(pulumi.stack, "--no-backup")} moves without one, and then there is no way back`,
      { cause: error },
    );
  });
  return file;
}

/**
 * @throws Error while a rollback is half done: it alone knows what the database is.
 */
export async function refuseHalfBack(pulumi: Pulumi): Promise<void> {
  const { record } = await lastMove(pulumi);
  if (record && isHalfBack(record))
    throw new Error(
      `nothing was changed: npm run rollback was ended in the middle, and LiteLLM's database may be of another version than its image. Complete it: ${wayBack(pulumi.stack)}`,
    );
}

/** Says of an `up` that failed after a move how to go back. */
export async function withWayBack(pulumi: Pulumi, error: Error): Promise<Error> {
  const { record } = await lastMove(pulumi);
  if (!record || record.isChecked || record.rollback || record.backup === null) return error;
  return new Error(
    `${error.message}\n\nIt was on the way of ${shownMove({ from: record.from.image, to: record.to.image })}. Back to what was there before, with its database:\n` +
      `  ${wayBack(pulumi.stack)}`,
    { cause: error },
  );
}

/** Writes down that the whole gateway was seen to work after the last move. */
export async function moveIsChecked(pulumi: Pulumi): Promise<void> {
  const { stackId, record } = await lastMove(pulumi);
  if (record && stackId !== undefined && !record.isChecked)
    await writeMove(pulumi.stack, stackId, { ...record, isChecked: true });
}
