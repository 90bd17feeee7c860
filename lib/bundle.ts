import { buildSync } from "esbuild";
import { projectRoot } from "./project-root.ts";

/**
 * A program of this project and all of its libraries as one file, the same on every machine that has the same package
 * lock.
 *
 * @param entry Relative to the project, as are the files that `alias` puts in the place of packages.
 */
export function bundle(entry: string, alias: Record<string, string> = {}): string {
  const { outputFiles } = buildSync({
    absWorkingDir: projectRoot,
    entryPoints: [entry],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    // Minified text has no paths of node_modules in it, which would differ where that folder is a link.
    minify: true,
    keepNames: true,
    legalComments: "none",
    alias,
    // Some libraries are CommonJS and ask for Node's own modules by `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    write: false,
  });
  return outputFiles[0]!.text;
}
