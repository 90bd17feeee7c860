// node bootstrap/run.mjs [--prepare=pulumi|server] <script.ts> [arguments]: runs a TypeScript script of this project on a machine
// that may have nothing but Node, after preparing Pulumi, or Pulumi and the Docker engine that --stack deploys to.
// Plain JavaScript, because it runs before any package is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const needed = { major: 20, minor: 12 };
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < needed.major || (major === needed.major && minor < needed.minor)) {
  console.error(`Node ${needed.major}.${needed.minor} or newer is needed, this is ${process.versions.node}.`);
  process.exit(1);
}

const [first = "", ...others] = process.argv.slice(2);
const what = /^--prepare=(pulumi|server)$/.exec(first)?.[1];
const [script = "", ...args] = what ? others : [first, ...others];

// npm writes this file last, so an interrupted install is repeated.
const installed = path.join(root, "node_modules", ".package-lock.json");
const lock = path.join(root, "package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error("→ npm ci (this project's packages)");
  const npm = spawnSync("npm", ["ci", "--no-progress"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
}

let env = process.env;
if (what && !args.some((arg) => arg === "--help" || arg === "-h")) {
  const { register } = await import("tsx/esm/api");
  register();
  const { prepare, deploysHere, imagesOf } = await import(
    pathToFileURL(path.join(root, "bootstrap", "prepare.ts")).href
  );
  const stack = args.includes("--stack") ? (args[args.indexOf("--stack") + 1] ?? "") : "local";
  const engine = what === "server" && (await deploysHere(stack));
  try {
    env = {
      ...process.env,
      ...(await prepare({ yes: args.includes("--yes"), engine, images: engine ? await imagesOf(stack) : [] })),
    };
  } catch (error) {
    console.error(/** @type {Error} */ (error).message);
    process.exit(1);
  }
}

// Ctrl-C reaches the script too; it must be able to end in order (pulumi finishes the resource at hand) before we go.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
const child = spawn(process.execPath, ["--import", "tsx", path.join(root, script), ...args], {
  cwd: root,
  env,
  stdio: "inherit",
});
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
