import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";

/** Puts a shell script in the place of `ssh` for one test; returns the script's folder. */
export async function replaceSsh(t: TestContext, script: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "ssh-"));
  await writeFile(path.join(folder, "ssh"), `#!/bin/sh\n${script}\n`);
  await chmod(path.join(folder, "ssh"), 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  t.after(async () => {
    process.env.PATH = before;
    await rm(folder, { recursive: true, force: true });
  });
  return folder;
}
