import { readFile } from "node:fs/promises";
import which from "which";
import { step } from "./steps.ts";

/** Asks the user; rejects when the answer is no. */
export type Ask = (what: string, packages: readonly string[]) => Promise<void>;

/** A command as root: as it is, or through sudo. */
export function asRoot(command: string, args: readonly string[]): [string, string[]] {
  return process.getuid?.() === 0 ? [command, [...args]] : ["sudo", [command, ...args]];
}

async function isDebian(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release) && (await which("apt-get", { nothrow: true })) !== null;
}

/** Whether a program is there. Those for administrators are in directories that are not on everybody's PATH. */
async function isThere(command: string): Promise<boolean> {
  return (await which(command, { path: `${process.env.PATH}:/usr/sbin:/sbin`, nothrow: true })) !== null;
}

/**
 * Installs Debian packages for the programs that are missing, after asking.
 *
 * @param what Why they are needed.
 * @param packages Program → Debian package that has it.
 * @throws Error that names them on a system that is neither Debian nor Ubuntu.
 */
export async function installPackages(
  what: string,
  packages: Readonly<Record<string, string>>,
  ask: Ask,
): Promise<void> {
  const there = await Promise.all(Object.keys(packages).map(isThere));
  const missing = [...new Set(Object.values(packages).filter((_, at) => !there[at]))];
  if (!missing.length) return;
  if (!(await isDebian()))
    throw new Error(
      `${what}: this needs what Debian calls ${missing.join(", ")}. Install it with this system's own package manager and run the command again.`,
    );
  await ask(what, missing);
  await step(`install ${missing.join(" ")}`, async (run) => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run(...asRoot("apt-get", ["update"]), { env });
    await run(...asRoot("apt-get", ["install", "-y", "--no-install-recommends", ...missing]), { env });
  });
}
