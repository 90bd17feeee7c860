import { copyFile, mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import which from "which";
import { asking } from "../../bootstrap/prepare.ts";
import { preparePython } from "../../bootstrap/python.ts";
import { cached, step } from "../../bootstrap/steps.ts";
import { exactVersions, prepareGo } from "../../lab/pulumi/go.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { npmPrograms } from "../adapter/programs.ts";

const folder = path.join(projectRoot, "examples");
const ask = asking(true);
const LONGEST_RUN_MS = 300_000;

/** Runs a program of examples/ with these variables. */
export type Run = (env: Readonly<Record<string, string>>) => Promise<{
  readonly exitCode: number | undefined;
  readonly output: string;
}>;

const run =
  (start: () => Promise<readonly [string, ...string[]]>): Run =>
  async (env) => {
    const [command, ...args] = await start();
    const { exitCode, all } = await execa(command, args, { env, reject: false, all: true, timeout: LONGEST_RUN_MS });
    return { exitCode, output: all };
  };

export const python = (script: string, requirements = "requirements.txt"): Run =>
  run(async () => {
    const file = path.join(folder, requirements);
    const bin = await preparePython(`What examples/${script} uses`, file, ask);
    return [path.join(bin, "python3"), "-B", path.join(folder, script)];
  });

export const typescript = (script: string): Run => run(async () => [process.execPath, path.join(folder, script)]);

/** With packages of the lab's cache: the program is copied beside them, because Node looks for them where it is. */
export const withNpmPrograms =
  (script: string): Run =>
  async (env) => {
    const { modules } = await npmPrograms();
    const copy = await mkdtemp(path.join(tmpdir(), "example-"));
    try {
      await symlink(modules, path.join(copy, "node_modules"));
      await copyFile(path.join(folder, script), path.join(copy, script));
      return await run(async () => [process.execPath, path.join(copy, script)])(env);
    } finally {
      await rm(copy, { recursive: true });
    }
  };

const sourcesOf = (program: string, files: readonly string[]) =>
  Promise.all(files.map((file) => readFile(path.join(folder, program, file))));

export const go = run(async () => {
  const { command, env } = await prepareGo(ask);
  const options = { cwd: path.join(folder, "go"), env: { ...env, ...exactVersions } };
  const sources = await sourcesOf("go", ["go.mod", "go.sum", "main.go"]);
  const built = await cached("example-go", [command, ...sources], (output) =>
    step("Build the example for Go", async (build) => {
      await build(command, ["vet", "./..."], options);
      await build(command, ["build", "-o", path.join(output, "client"), "."], options);
    }),
  );
  return [path.join(built, "client")];
});

/** Rust comes from no registry of packages, so it has to be on the machine. */
export const hasRust = async () => (await which("cargo", { nothrow: true })) !== null;

export const rust = run(async () => {
  const options = { cwd: path.join(folder, "rust") };
  const sources = await sourcesOf("rust", ["Cargo.toml", "Cargo.lock", "src/main.rs"]);
  const built = await cached("example-rust", [process.platform, process.arch, ...sources], (output) =>
    step("Build the example for Rust", async (build) => {
      await build("cargo", ["build", "--locked", "--target-dir", output], options);
    }),
  );
  return [path.join(built, "debug", "gateway-client")];
});
