import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

/** What the backup of each day has said of itself last: `components/backup/image/nightly.sh` writes it with each healthcheck. */
export interface BackupFacts {
  /** A line for each thing that is wrong; undefined: it has not said anything yet. */
  readonly said: string | undefined;
  /** How long ago that was. */
  readonly ageSeconds: number;
}

/** What it has said of those that are good. */
export interface BackupFigures {
  /** Undefined: there is none. */
  readonly newest: { readonly made: string; readonly bytes: number } | undefined;
  readonly kept: number;
}

const figures: z.ZodType<BackupFigures> = z.object({
  newest: z
    .object({ made: z.iso.datetime(), bytes: z.number() })
    .nullable()
    .transform((newest) => newest ?? undefined),
  kept: z.number(),
});

/** Its healthcheck runs every ten seconds, but while a backup is made that it waits for. */
const MOST_AGE_SECONDS = 3_600;

/** What is wrong with it; undefined: nothing. */
export function judgeBackup({ said, ageSeconds }: BackupFacts): string | undefined {
  // The first is made in the minutes after `up`, which waits for it.
  if (said === undefined) return undefined;
  if (ageSeconds > MOST_AGE_SECONDS)
    return `the container that makes a backup each day has not said for ${Math.round(ageSeconds / 60)} minutes how they are`;
  return said.trim() || undefined;
}

export function readBackup(folder: string, now: number): BackupFacts {
  const file = path.join(folder, "problems");
  try {
    return { said: readFileSync(file, "utf8"), ageSeconds: (now - statSync(file).mtimeMs) / 1_000 };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // A program that ended here would look at nothing else either.
    return { said: code === "ENOENT" ? undefined : `what it says cannot be read: ${message}`, ageSeconds: 0 };
  }
}

/**
 * @returns Undefined where it has not said anything yet.
 * @throws Error when it cannot be read.
 */
export function readBackupFigures(folder: string): BackupFigures | undefined {
  const file = path.join(folder, "figures");
  return existsSync(file) ? figures.parse(JSON.parse(readFileSync(file, "utf8"))) : undefined;
}
