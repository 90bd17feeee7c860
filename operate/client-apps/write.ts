import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import writeFileAtomic from "write-file-atomic";
import type { Content } from "./app.ts";
import { merge } from "./merge.ts";

/** A file and what it should contain. */
export interface Wanted {
  readonly file: string;
  readonly content: Content;
}

export interface Written {
  readonly file: string;
  readonly outcome: "new" | "changed" | "as it was";
  /** Entries of ours that had another content before. */
  readonly replaced: readonly string[];
  /** The file as it was before; undefined where nothing was lost. */
  readonly backup: string | undefined;
}

/**
 * Writes files with keys in them: 0600 in directories that, where they are new, are 0700. Nothing is written unless all
 * of them can be merged. A file that changes is copied to `<file>.bak-<time>` before.
 *
 * @throws Error that names the first file that does not parse; then nothing was changed.
 */
export async function writeAll(wanted: readonly Wanted[]): Promise<Written[]> {
  const planned = await Promise.all(wanted.map(plan));
  const written: Written[] = [];
  for (const { file, before, text, replaced } of planned) {
    if (before === text) {
      await chmod(file, 0o600);
      written.push({ file, outcome: "as it was", replaced, backup: undefined });
      continue;
    }
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    let backup: string | undefined;
    if (before !== undefined) {
      backup = `${file}.bak-${new Date().toISOString().replaceAll(/[:.]/g, "-")}`;
      await writeFile(backup, before, { mode: 0o600, flag: "wx" });
    }
    // Where the file is a link of the user's, it writes what the link points to, and the link stays.
    await writeFileAtomic(file, text, { mode: 0o600 });
    written.push({ file, outcome: before === undefined ? "new" : "changed", replaced, backup });
  }
  return written;
}

async function plan({ file, content }: Wanted) {
  const before = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  try {
    return { file, before, ...merge(before, content) };
  } catch (error) {
    throw new Error(
      `${file}: ${(error as Error).message}. Nothing was changed: fix the file or move it away, then run this again`,
      { cause: error },
    );
  }
}
