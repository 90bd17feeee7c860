// node bootstrap/run.mjs <script.ts> [arguments]: runs a TypeScript script of this project on a machine that may have nothing
// but Node. Plain JavaScript, because it runs before any package is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const needed = { major: 20, minor: 12 };
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < needed.major || (major === needed.major && minor < needed.minor)) {
  console.error(`Node ${needed.major}.${needed.minor} or newer is needed, this is ${process.versions.node}.`);
  process.exit(1);
}

const [script = "", ...args] = process.argv.slice(2);

// npm writes this file last, so an interrupted install is repeated.
const installed = path.join(root, "node_modules", ".package-lock.json");
const lock = path.join(root, "package-lock.json");
if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
  console.error("→ npm ci (this project's packages)");
  const npm = spawnSync("npm", ["ci", "--no-progress"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (npm.status !== 0) process.exit(npm.status ?? 1);
}

// Ctrl-C reaches the script as well, which ends in its own time: pulumi completes the resource that it is working on.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
const child = spawn(process.execPath, ["--import", "tsx", path.join(root, script), ...args], {
  cwd: root,
  stdio: "inherit",
});
child.on("exit", (code, signal) => process.exit(code ?? (signal ? 130 : 1)));
