import { readdir, readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import path from "node:path";
import { processIsAlive } from "../listing/throw-away.ts";
import { stateFolder } from "./half-written.ts";

/** Who has locked a stack, as Pulumi writes it down. */
export interface Lock {
  readonly file: string;
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}

/** The locks of a stack whose state is in files; undefined for other backends, which show theirs to nobody. */
export async function locksOf(backendUrl: string, project: string, stack: string): Promise<Lock[] | undefined> {
  const state = stateFolder(backendUrl);
  if (state === undefined) return undefined;
  const folder = path.join(state, "locks", "organization", project, stack);
  const files = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const locks = files.filter((file) => file.endsWith(".json")).map((file) => readLock(path.join(folder, file)));
  return (await Promise.all(locks)).filter((lock) => lock !== undefined);
}

async function readLock(file: string): Promise<Lock | undefined> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    // Whoever had it has ended since the folder was read.
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : { ...(JSON.parse(text) as Omit<Lock, "file">), file };
}

/** Whether the process that has the lock is gone. Of another machine nobody knows here. */
export async function isStale(
  { pid, hostname: machine }: Lock,
  { here = hostname(), isPulumi = runsPulumi } = {},
): Promise<boolean> {
  return machine === here && !(await isPulumi(pid));
}

/** Whether a process of that number is one of Pulumi's: after a restart of the machine any other can have it. */
async function runsPulumi(pid: number): Promise<boolean> {
  if (!processIsAlive(pid)) return false;
  const command = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => {
    // No /proc outside Linux: that it lives is all there is to know.
    return "pulumi";
  });
  return command.trim() === "pulumi";
}

export const describeLock = ({ pid, username, hostname: machine, timestamp }: Lock): string =>
  `process ${pid} of ${username} on ${machine}, since ${timestamp.slice(0, 19).replace("T", " ")} UTC`;

/** Takes away a lock whose process is gone; what Pulumi writes beside it goes as well. */
export const unlock = async ({ file }: Lock): Promise<void> => {
  for (const one of [file, `${file}.attrs`]) await rm(one, { force: true });
};
