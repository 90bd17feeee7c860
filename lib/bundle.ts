import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, buildSync, formatMessagesSync, version } from "esbuild";
import { projectRoot } from "./project-root.ts";

/** What was bundled before; without it, all of it is bundled again. */
const KEPT = path.join(projectRoot, "dist", ".bundles");

interface Kept {
  /** Hash of all else that the text depends on. */
  readonly settings: string;
  /** Hashes of the files that it was made from, by their paths relative to the project. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * A program of this project and all of its libraries as one file, the same on every machine that has the same package
 * lock.
 *
 * Every preview asks for each of them, and mostly nothing has changed: that takes a sixth of its time then.
 *
 * @param entry Relative to the project, as are the files that `alias` puts in the place of packages.
 * @param kept Folder of what was bundled before.
 */
export function bundle(entry: string, alias: Record<string, string> = {}, kept = KEPT): string {
  const options = {
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
  } as const satisfies BuildOptions;
  // The lock says which packages there are; which of their files is taken, they say themselves.
  const settings = sha256(JSON.stringify([version, options, ["package-lock.json", "tsconfig.json"].map(hashOf)]));
  const file = path.join(kept, `${entry.replace(/[^a-z]+/g, "-")}.json`);
  const before = existsSync(file) ? readKept(file) : undefined;
  const isSame =
    before?.settings === settings && Object.entries(before.inputs).every(([one, hash]) => hashOf(one) === hash);
  if (isSame) return before.text;

  const began = Date.now();
  const { outputFiles, metafile, warnings } = buildSync({
    ...options,
    ...{ absWorkingDir: projectRoot, write: false, metafile: true },
    // Its errors are in what it throws.
    logLevel: "silent",
  });
  if (warnings.length) console.error(formatMessagesSync(warnings, { kind: "warning" }).join("\n"));
  const { text } = outputFiles[0]!;
  const files = Object.keys(metafile.inputs);
  // What is written now may have been read as it was before, and its hash would be that of another text.
  if (files.some((input) => statSync(path.join(projectRoot, input)).mtimeMs > began + 1)) return text;
  const inputs = Object.fromEntries(files.map((input) => [input, hashOf(input) ?? ""]));
  mkdirSync(kept, { recursive: true });
  // Others may read it at this moment.
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, JSON.stringify({ settings, inputs, text } satisfies Kept));
  renameSync(unfinished, file);
  return text;
}

/** Undefined where it is half of one, after the power was lost: then it is made anew. */
function readKept(file: string): Kept | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Kept;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Undefined where there is no such file. */
function hashOf(file: string): string | undefined {
  const location = path.join(projectRoot, file);
  return existsSync(location) ? sha256(readFileSync(location)) : undefined;
}

const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");
