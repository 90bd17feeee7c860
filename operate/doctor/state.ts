import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { stateFolder } from "../recovery/half-written.ts";
import type { Finding } from "./finding.ts";

/** States in files that cannot be read, which ends every command, also for the other stacks of the folder. */
export async function brokenStates(backendUrl: string, project: string, stack: string): Promise<Finding[]> {
  const folder = stateFolder(backendUrl);
  if (folder === undefined) return [];
  const states = path.join(folder, "stacks", project);
  const files = (await filesIn(states)).filter((file) => file.endsWith(".json"));
  const own = `${stack}.json`;
  const broken = await Promise.all(
    [...new Set([...files, own])].map(async (name): Promise<Finding[]> => {
      const file = path.join(states, name);
      if (files.includes(name)) return (await resourcesIn(file)) === undefined ? [await unreadable(folder, file)] : [];
      // Pulumi keeps the copy of a stack that was removed, too, but then nothing was in it.
      return (await resourcesIn(`${file}.bak`)) ? [missing(file)] : [];
    }),
  );
  return broken.flat();
}

const filesIn = (folder: string): Promise<string[]> =>
  readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });

/** How many resources a state has; undefined where it is no state. */
async function resourcesIn(file: string): Promise<number | undefined> {
  try {
    const { checkpoint } = JSON.parse(await readFile(file, "utf8")) as {
      checkpoint: { latest?: { resources?: readonly unknown[] } };
    };
    return checkpoint.latest?.resources?.length ?? 0;
  } catch {
    return undefined;
  }
}

async function unreadable(folder: string, file: string): Promise<Finding> {
  const stack = path.basename(file, ".json");
  const backups = path.join(folder, "backups", path.basename(path.dirname(file)), stack);
  const copies = [
    `${file}.bak`,
    ...(await filesIn(backups)).filter((name) => name.endsWith(".json")).map((name) => path.join(backups, name)),
  ];
  const good = await Promise.all(
    copies.map(async (copy) => ((await resourcesIn(copy)) ? [{ copy, at: (await stat(copy)).mtimeMs }] : [])),
  );
  const newest = good.flat().sort((a, b) => b.at - a.at)[0]?.copy;
  return {
    seen: `the state of stack ${stack}, ${file}, is cut off or no JSON`,
    means: "its disk was full, or the machine went down, while it was written. What runs goes on; no command works",
    fix: newest
      ? `cp '${newest}' '${file}'; then npm run up -- --stack ${stack} --refresh`
      : "bring it back from a backup: npm run restore -- FILE (docs/operate.md)",
  };
}

const missing = (file: string): Finding => {
  const stack = path.basename(file, ".json");
  return {
    seen: `there is no ${file}, and its copy ${path.basename(file)}.bak is there`,
    means: "somebody has removed the state of the stack: npm run up would make all of it once more, beside what runs",
    fix: `cp '${file}.bak' '${file}'; then npm run up -- --stack ${stack} --refresh`,
  };
};
