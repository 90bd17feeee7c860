// node bootstrap/run.mjs <script.ts> [arguments]: runs a TypeScript script of this project on a machine that may have nothing
// but Node and npm. Plain JavaScript that Node 18 understands, because it runs before this project's packages, and the Node that
// it needs, are there.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** The oldest Node that runs TypeScript by itself. */
const NEEDED = { major: 22, minor: 18 };
const needed = `${NEEDED.major}.${NEEDED.minor}`;
const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const [script = "", ...args] = process.argv.slice(2);

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const isOld = major < NEEDED.major || (major === NEEDED.major && minor < NEEDED.minor);
const node = isOld ? newerNode() : process.execPath;
const env = {
  // What Node has compiled once is kept, for the script and for each Node that Pulumi or the tests start: a third of their time.
  NODE_COMPILE_CACHE: path.join(cacheFolder(), "compiled"),
  ...process.env,
  // Pulumi starts the program and its dynamic providers with the node on PATH, and so does npm.
  ...(isOld && { PATH: `${path.dirname(node)}:${process.env.PATH}` }),
};

// npm writes this file last, so an interrupted install is repeated.
const installed = path.join(root, "node_modules", ".package-lock.json");
const lock = path.join(root, "package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs)
  npmCi("this project's packages", root, env);

// Ctrl-C reaches the script as well, which ends in its own time: pulumi completes the resource that it is working on.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
const child = spawn(node, [path.join(root, script), ...args], { cwd: root, env, stdio: "inherit" });
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 130 : 1)));

/** As in steps.ts, which an old Node cannot read. */
function cacheFolder() {
  return (
    process.env.LITELLM_MCP_LAB_CACHE ??
    path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), ".cache"), "litellm-mcp-lab")
  );
}

/** The Node that bootstrap/node/package-lock.json pins for this platform, kept in the cache. */
function newerNode() {
  const recipe = path.join(root, "bootstrap", "node");
  const hash = createHash("sha256")
    .update(readFileSync(path.join(recipe, "package-lock.json")))
    .digest("hex");
  const cache = cacheFolder();
  const folder = path.join(cache, `node-${hash.slice(0, 12)}`);
  const program = path.join(folder, "node_modules", ".bin", "node");
  if (existsSync(program)) return program;
  const unfinished = `${folder}.unfinished-${process.pid}`;
  mkdirSync(cache, { recursive: true });
  cpSync(recipe, unfinished, { recursive: true });
  npmCi(`a newer Node: ${needed} is needed, this is ${process.versions.node}`, unfinished, process.env);
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another process was faster.
    if (!existsSync(program)) throw error;
    rmSync(unfinished, { recursive: true });
  }
  if (existsSync(program)) return program;
  console.error(
    `Node ${needed} or newer is needed, this is ${process.versions.node}, and npm has none for ${process.platform} on ${process.arch}: install one.`,
  );
  process.exit(1);
}

/**
 * Installs what the package lock of a folder pins; ends this process where npm cannot.
 *
 * @param {string} what
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} env
 */
function npmCi(what, folder, env) {
  console.error(`→ npm ci (${what})`);
  const { status, error } = spawnSync("npm", ["ci", "--no-progress", "--ignore-scripts"], {
    cwd: folder,
    env,
    stdio: ["ignore", 2, 2],
  });
  if (error) console.error(`npm cannot be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
