import { buildSync } from "esbuild";
import { projectRoot } from "../lib/project-root.ts";

/** The adapter and all of its libraries as one file, the same on every machine that has the same package lock. */
export function bundleAdapter(): string {
  const { outputFiles } = buildSync({
    absWorkingDir: projectRoot,
    entryPoints: ["adapter/main.ts"],
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    minify: true,
    keepNames: true,
    legalComments: "none",
    // The transports get bodies that are read already; their own way to read one would bring half a megabyte of character sets along.
    alias: { "raw-body": "./adapter/no-raw-body.ts" },
    // Some of the libraries are CommonJS and ask for Node's own modules by `require`.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    write: false,
  });
  return outputFiles[0]!.text;
}
