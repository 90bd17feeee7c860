import { readdir, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";

/** The folder of a backend whose state is in files; undefined for other backends. */
export function stateFolder(backendUrl: string): string | undefined {
  if (!backendUrl.startsWith("file://")) return undefined;
  const [folder = ""] = backendUrl.slice("file://".length).split("?");
  return path.join(folder.replace(/^~(?=\/|$)/, homedir()), ".pulumi");
}

/**
 * Removes the empty `.attrs` files of a state. Pulumi writes one beside each file (`fileblob` of gocloud.dev: checksum, kind
 * of content): the file itself is replaced as a whole, this one is emptied first and then written. A run that is killed in
 * between leaves it empty, and from then on each command ends with `failed to load checkpoint: EOF`; without it Pulumi reads
 * the file as it is.
 */
export async function removeHalfWritten(backendUrl: string): Promise<void> {
  const folder = stateFolder(backendUrl);
  if (folder === undefined) return;
  const gone = (error: NodeJS.ErrnoException) => {
    // Whoever runs beside this has removed it.
    if (error.code === "ENOENT") return undefined;
    throw error;
  };
  const files = (await readdir(folder, { recursive: true }).catch(gone)) ?? [];
  const beside = files.filter((one) => one.endsWith(".attrs")).map((one) => path.join(folder, one));
  // At once: each deployment leaves some of them in the state's history, and each command begins here.
  await Promise.all(
    beside.map(async (file) => {
      if ((await stat(file).catch(gone))?.size === 0) await rm(file, { force: true });
    }),
  );
}
