import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { execa, type Options } from "execa";
import lockfile from "proper-lockfile";
import pc from "picocolors";

/** Where everything slow is kept between runs and clones. `LITELLM_MCP_LAB_CACHE` moves it. */
export const cacheDir =
  process.env.LITELLM_MCP_LAB_CACHE ??
  path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "litellm-mcp-lab");

/** Runs one command; its output goes to the step's log file and comes back as text. Rejects on a non-zero exit code. */
export type Run = (command: string, args: readonly string[], options?: Options) => Promise<string>;

const PROGRESS_EVERY_MS = 15_000;
/** A lock whose owner has not renewed it for this long is nobody's: the owner was killed. */
const LOCK_STALE_MS = 60_000;

/**
 * One named piece of slow work: says when it starts, every 15 s that it still runs, and how many seconds it took.
 * A failure names the step, the command, the log file and the last lines of it.
 */
export async function step<T>(title: string, work: (run: Run) => Promise<T>): Promise<T> {
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  const logFile = path.join(cacheDir, "logs", `${title.replace(/[^A-Za-z0-9.]+/g, "-")}.log`);
  await mkdir(path.dirname(logFile), { recursive: true });
  const log = createWriteStream(logFile);
  let lastLine = "";
  const say = (mark: string, text: string) => process.stderr.write(`${mark} ${title} ${pc.dim(text)}\n`);
  const ticker = setInterval(() => say(pc.dim("…"), `${seconds()} ${lastLine.slice(0, 100)}`), PROGRESS_EVERY_MS);
  say(pc.cyan("→"), "");
  const run: Run = async (command, args, options = {}) => {
    log.write(`$ ${command} ${args.join(" ")}\n`);
    const child = execa(command, args, {
      ...options,
      all: true,
      stdin: options.input === undefined ? "ignore" : "pipe",
    });
    child.all?.on("data", (chunk: Buffer) => {
      log.write(chunk);
      lastLine = String(chunk).trim().split("\n").at(-1) ?? lastLine;
    });
    return String((await child).stdout ?? "");
  };
  try {
    const result = await work(run);
    say(pc.green("✓"), seconds());
    return result;
  } catch (error) {
    say(pc.red("✗"), `failed after ${seconds()}`);
    await new Promise((resolve) => log.end(resolve));
    const tail = (await readFile(logFile, "utf8")).trim().split("\n").slice(-25).join("\n");
    const { message } = error as Error;
    // Without a command that it has run, its error is all there is.
    const more = tail ? `${message.split("\n")[0]}\n${tail}\n(whole log: ${logFile})` : message;
    throw new Error(`${title}: ${more}`, { cause: error });
  } finally {
    clearInterval(ticker);
    log.end();
  }
}

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

export const sha256 = (...parts: readonly (string | Buffer)[]) =>
  parts.reduce((hash, part) => hash.update(part).update("\0"), createHash("sha256")).digest("hex");

const cachePath = (name: string, inputs: readonly (string | Buffer)[]) =>
  path.join(cacheDir, `${name}-${sha256(...inputs).slice(0, 12)}`);

/** The directory that `cached` made from these inputs, or undefined. */
export async function inCache(name: string, inputs: readonly (string | Buffer)[]): Promise<string | undefined> {
  const dir = cachePath(name, inputs);
  return (await exists(dir)) ? dir : undefined;
}

/**
 * A directory in the cache made by `build` from `inputs`, made once: later calls with the same inputs return it at once.
 * It is filled under a temporary name and renamed when complete, so an interrupted build leaves nothing that looks done;
 * a second process waits for the first.
 */
export async function cached(
  name: string,
  inputs: readonly (string | Buffer)[],
  build: (dir: string) => Promise<void>,
): Promise<string> {
  const dir = cachePath(name, inputs);
  if (await exists(dir)) return dir;
  await mkdir(cacheDir, { recursive: true });
  if (await lockfile.check(dir, { realpath: false, stale: LOCK_STALE_MS }))
    process.stderr.write(`… another process is making ${name}, waiting for it\n`);
  // A lock for each directory, since one build may need another's result. It goes by the name that is not there yet.
  const release = await lockfile.lock(dir, {
    realpath: false,
    stale: LOCK_STALE_MS,
    retries: { forever: true, minTimeout: 500, maxTimeout: 2_000 },
  });
  try {
    if (await exists(dir)) return dir;
    const unfinished = await mkdtemp(`${dir}.unfinished-`);
    try {
      await build(unfinished);
      await rename(unfinished, dir);
    } catch (error) {
      await rm(unfinished, { recursive: true, force: true });
      throw error;
    }
    return dir;
  } finally {
    await release();
  }
}
