import { mkdir, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import { z } from "zod";
import { backupsFolder } from "../backup/folder.ts";
import type { Pulumi } from "../deployed-stack.ts";

const recordSchema = z.strictObject({
  at: z.iso.datetime(),
  from: z.strictObject({
    image: z.string(),
    /** As LiteLLM's container had it: while it has this one, nothing newer has run on the database. */
    imageId: z.string(),
  }),
  to: z.strictObject({ image: z.string() }),
  /** File of the backup of before; null where none was wanted. */
  backup: z.string().nullable(),
  /** Whether a check of the whole gateway has been green since. */
  isChecked: z.boolean(),
  /** What `npm run rollback` has come to. */
  rollback: z
    .strictObject({
      /** Files with what the database had before it was put back; more than one after interruptions. */
      kept: z.array(z.string()),
      /** Whether the database is that of before. */
      isReturned: z.boolean(),
      done: z.iso.datetime().nullable(),
    })
    .nullable(),
});

/** The last move of a stack's LiteLLM to another image. */
export type MoveRecord = z.infer<typeof recordSchema>;

/** Beside the backups, of which it names one. The id is another one after `down` and `up`, as the databases are. */
const MOVE_FILE = /^last-move-.+\.json$/;
const fileOf = (stack: string, stackId: string) => path.join(backupsFolder(stack), `last-move-${stackId}.json`);

export async function readMove(stack: string, stackId: string | undefined): Promise<MoveRecord | undefined> {
  if (stackId === undefined) return undefined;
  const file = fileOf(stack, stackId);
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `${file}, the record of the last move of LiteLLM's image, cannot be read: ${(error as Error).message}`,
      { cause: error },
    );
  }
}

/**
 * The last move of a stack as it is deployed now. The state is asked for nothing where no move was ever written down.
 *
 * @returns The id of the stack's state as well, where it was asked for.
 */
export async function lastMove(
  pulumi: Pick<Pulumi, "stack" | "onRecord">,
): Promise<{ readonly stackId: string | undefined; readonly record: MoveRecord | undefined }> {
  const files = await readdir(backupsFolder(pulumi.stack)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (!files.some((file) => MOVE_FILE.test(file))) return { stackId: undefined, record: undefined };
  const { stackId } = await pulumi.onRecord();
  return { stackId, record: await readMove(pulumi.stack, stackId) };
}

export async function writeMove(stack: string, stackId: string, record: MoveRecord): Promise<void> {
  const file = fileOf(stack, stackId);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
}

/** Whether `npm run rollback` was ended in the middle: what runs now and the database may not belong together. */
export const isHalfBack = ({ rollback }: MoveRecord): boolean => rollback !== null && rollback.done === null;
