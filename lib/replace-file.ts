import { rename, writeFile } from "node:fs/promises";

/**
 * Writes a file under another name first: who reads meanwhile finds the one file or the other, whole.
 *
 * @param mode Of the new file, as far as the umask lets it.
 */
export async function replaceFile(file: string, text: string, mode = 0o666): Promise<void> {
  const unfinished = `${file}.new-${process.pid}`;
  await writeFile(unfinished, text, { mode, flag: "wx" });
  await rename(unfinished, file);
}
