import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { compareText } from "../lib/compare-text.ts";

/** A file of `mcp/<name>` that goes into the server's image. */
export interface ServerFile {
  /** Below the folder, with `/` between its parts. */
  readonly path: string;
  readonly executable: boolean;
}

/** Files that describe or test a server: a changed description builds no image. */
const IS_ABOUT_IT = /^(server\.yaml|tools\.lock\.json|.*\.md|.*\.test\.ts|.*_test\.py)$/;
/** What package managers and Python leave behind. Of what begins with a dot, `.env` may hold secrets and `.venv` is another. */
const IS_LEFT_OUT = /^(\..*|node_modules|__pycache__)$/;

/** Every file below `folder` that goes into its image, sorted. A symbolic link is none: what it leads to may be anywhere. */
export function serverFiles(folder: string, below = ""): ServerFile[] {
  return readdirSync(path.join(folder, below), { withFileTypes: true })
    .filter(({ name }) => !IS_LEFT_OUT.test(name))
    .flatMap((entry) => {
      const file = path.posix.join(below, entry.name);
      if (entry.isDirectory()) return serverFiles(folder, file);
      if (!entry.isFile() || IS_ABOUT_IT.test(file)) return [];
      return [{ path: file, executable: (statSync(path.join(folder, file)).mode & 0o100) !== 0 }];
    })
    .sort((a, b) => compareText(a.path, b.path));
}
