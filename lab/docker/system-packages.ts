import { readFile } from "node:fs/promises";
import { execa } from "execa";
import { step, which } from "../kit.ts";

/** Asks the user; rejects when the answer is no. */
export type Ask = (what: string, packages: readonly string[]) => Promise<void>;

/** A command as root: as it is, or through sudo. */
export function asRoot(command: string, args: readonly string[]): [string, string[]] {
  return process.getuid?.() === 0 ? [command, [...args]] : ["sudo", [command, ...args]];
}

async function isDebian(): Promise<boolean> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release) && (await which("apt-get")) !== undefined;
}

/** Installs those of the Debian packages that are missing, after asking. */
export async function installPackages(what: string, packages: readonly string[], ask: Ask): Promise<void> {
  const { stdout } = await execa("dpkg-query", ["-W", "-f", "${Package} ${Status}\n", ...packages], { reject: false }).catch(() => ({ stdout: "" }));
  const installed = new Set(stdout.split("\n").flatMap((line) => (line.endsWith(" install ok installed") ? [line.split(" ")[0]] : [])));
  const missing = packages.filter((name) => !installed.has(name));
  if (!missing.length) return;
  if (!(await isDebian())) throw new Error(`${what}: needed is what Debian calls ${missing.join(", ")}. Install it by this system's means and run the command again.`);
  await ask(what, missing);
  await step(`install ${missing.join(" ")}`, async (run) => {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await run(...asRoot("apt-get", ["update"]), { env });
    await run(...asRoot("apt-get", ["install", "-y", "--no-install-recommends", ...missing]), { env });
  });
}
