import { copyFile, readFile } from "node:fs/promises";
import path from "node:path";
import { cached, step } from "../../bootstrap/steps.ts";

const lockFolder = path.join(import.meta.dirname, "programs");
const MANIFEST = ["package.json", "package-lock.json"] as const;

export interface Programs {
  /** Its folder `node_modules`. */
  readonly modules: string;
  /** Node 22, as in the adapter's image and for servers that ask for it. */
  readonly node: string;
}

/**
 * Servers and clients of other makers from npm, in the versions of programs/package-lock.json. They take 1.3 GB, so they are
 * in the lab's cache and not among this project's packages. None of their install scripts runs.
 */
export async function npmPrograms(): Promise<Programs> {
  const contents = await Promise.all(MANIFEST.map((name) => readFile(path.join(lockFolder, name))));
  const folder = await cached("adapter-programs", [process.platform, process.arch, ...contents], (dir) =>
    step("Install MCP servers, clients and the conformance suite from npm", async (run) => {
      for (const name of MANIFEST) await copyFile(path.join(lockFolder, name), path.join(dir, name));
      await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: dir });
    }),
  );
  const modules = path.join(folder, "node_modules");
  return { modules, node: path.join(modules, `node-${process.platform}-${process.arch}`, "bin", "node") };
}
