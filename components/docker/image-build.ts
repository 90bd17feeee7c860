import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as docker from "@pulumi/docker";
import { projectRoot } from "../../lib/project-root.ts";
import { sorted } from "../../lib/sorted.ts";

const REPOSITORY = "litellm-mcp";
/** Build contexts, written by each run. Relative to the project: an absolute path would differ from clone to clone. */
const CONTEXTS = "./dist";

/** Folder in which the provider writes down what the build of an image said, in `NAME.log`. */
export const BUILD_LOGS = CONTEXTS;

export interface BuildFile {
  readonly content: Buffer;
  readonly executable: boolean;
}

export const textFile = (text: string): BuildFile => ({ content: Buffer.from(text), executable: false });

export interface ImageBuild {
  /** Of the image, without repository and tag. */
  readonly name: string;
  /** What goes into the image, by its path in the build context; `Dockerfile` is among them. */
  readonly files: Readonly<Record<string, BuildFile>>;
  readonly buildArgs?: Readonly<Record<string, string>>;
}

/** Twelve hex digits of a hash of everything that goes into an image. */
export function buildHash({ files, buildArgs = {} }: Omit<ImageBuild, "name">): string {
  const hash = createHash("sha256").update(JSON.stringify(sorted(buildArgs)));
  for (const [file, { content, executable }] of Object.entries(sorted(files)))
    hash.update(`\0${file}\0${executable}\0${content.length}\0`).update(content);
  return hash.digest("hex").slice(0, 12);
}

/** What a daemon is told of an image that it is to have. */
export interface DaemonImage extends Pick<docker.RemoteImageArgs, "name" | "triggers"> {
  readonly build?: docker.types.input.RemoteImageBuild;
}

/** An image that is built on the target daemon and named by what goes into it, so that it is built when that changes. */
export function imageBuild(build: ImageBuild): DaemonImage {
  const { name, files, buildArgs } = build;
  const context = `${CONTEXTS}/${name}`;
  const buildLogFile = `${BUILD_LOGS}/${name}.log`;
  writeContext(path.join(projectRoot, context), files);
  // The provider adds to what is there.
  rmSync(path.join(projectRoot, buildLogFile), { force: true });
  const hash = buildHash(build);
  return {
    name: `${REPOSITORY}/${name}:${hash}`,
    build: { context, dockerfile: "Dockerfile", buildLogFile, ...(buildArgs && { buildArgs: { ...buildArgs } }) },
    triggers: { hash },
  };
}

/** Makes `folder` hold these files and no others; what is right already is left alone, since others may read it now. */
function writeContext(folder: string, files: ImageBuild["files"]): void {
  const folders = new Set(Object.keys(files).flatMap(foldersOf));
  mkdirSync(folder, { recursive: true });
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const location = path.join(entry.parentPath, entry.name);
    const isWanted = entry.isDirectory()
      ? folders.has(path.relative(folder, location))
      : Object.hasOwn(files, path.relative(folder, location));
    if (!isWanted) rmSync(location, { recursive: true, force: true });
  }
  for (const name of folders) {
    const location = path.join(folder, name);
    mkdirSync(location, { recursive: true });
    setMode(location, 0o755);
  }
  for (const [name, { content, executable }] of Object.entries(files)) {
    const location = path.join(folder, name);
    if (!existsSync(location) || !readFileSync(location).equals(content)) writeFileSync(location, content);
    setMode(location, executable ? 0o755 : 0o644);
  }
}

/** Whatever this machine's umask: a container's user has to read what is copied, with its mode, into the image. */
function setMode(location: string, mode: number): void {
  if ((statSync(location).mode & 0o777) !== mode) chmodSync(location, mode);
}

/** `a/b/c` is in `a/b` and in `a`. */
const foldersOf = (name: string): string[] =>
  name
    .split("/")
    .slice(0, -1)
    .map((_, at, parts) => parts.slice(0, at + 1).join("/"));
