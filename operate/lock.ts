import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa, ExecaError } from "execa";
import { SettingsError } from "../settings/problems.ts";
import { madeForLine, npmPackages } from "../settings/package-lock.ts";
import { readServerFolders, type ServerFolder } from "../settings/server-folders.ts";
import { projectRoot } from "../lib/project-root.ts";
import { command, main } from "./command.ts";
import { xdg } from "./pulumi-environment.ts";

/** The resolver is pinned like everything else: another version may write the same package lock another way. */
const UV_VERSION = "0.13.8";
/** The Python of servers' images, see PYTHON_IMAGE in adapter/Dockerfile. */
export const PYTHON_VERSION = "3.13";

/** What to resolve for one folder under `mcp/`. */
export type Lockable =
  | {
      readonly kind: "pypi";
      readonly name: string;
      readonly requirements: string;
      /** Of the package lock. */
      readonly firstLine: string;
    }
  | {
      readonly kind: "npm";
      readonly name: string;
      /** Text of its package.json, which is written as well unless somebody else has. */
      readonly manifest: string;
      readonly isWritten: boolean;
      readonly installScripts: readonly string[];
    };

/** What to resolve for a package; without a version, of PyPI, its newest. */
export const lockableOf = (
  name: string,
  {
    kind,
    package: packageName,
    version,
    installScripts = [],
  }: {
    readonly kind: "pypi" | "npm";
    readonly package: string;
    readonly version: string | undefined;
    readonly installScripts?: readonly string[];
  },
): Lockable =>
  kind === "npm"
    ? { kind, name, installScripts, manifest: packageJson(packageName, version ?? "latest"), isWritten: true }
    : { kind, name, requirements: `${packageName}${version === undefined ? "" : `==${version}`}\n`, firstLine: "" };

/**
 * What to resolve for the servers named on the command line.
 *
 * @throws Error that names every server that is unknown or has nothing to lock.
 */
export function lockables(
  names: readonly string[],
  folders: readonly Pick<ServerFolder, "name" | "definition" | "program">[],
): Lockable[] {
  const known = folders.map(({ name }) => name).join(", ");
  const refused: string[] = [];
  const found = names.flatMap((name): Lockable[] => {
    const folder = folders.find((one) => one.name === name);
    const source = folder?.definition?.source;
    if (!source) refused.push(`${name}: no such server under mcp/; there are ${known}`);
    else if (source.kind === "image")
      refused.push(`${name}: nothing to lock, its image ${source.image} is pinned by mcp/${name}/server.yaml`);
    else if (source.kind === "url") refused.push(`${name}: nothing to lock, it runs elsewhere, at ${source.url}`);
    else if (source.kind === "npm" || source.kind === "pypi") return [lockableOf(name, source)];
    else {
      const { file, text = "", wanted } = folder.program!.requirements!;
      if (wanted.length === 0) refused.push(`${name}: nothing to lock, mcp/${name}/${file} names no package`);
      else if (source.language === "node")
        return [{ kind: "npm", name, manifest: text, isWritten: false, installScripts: source.installScripts }];
      else return [{ kind: "pypi", name, requirements: text, firstLine: madeForLine({ wanted }) }];
    }
    return [];
  });
  if (refused.length) throw new Error(refused.join("\n"));
  return found;
}

/** The packages of a package lock, sorted, each once: `name==version` (requirements.txt), `name@version` (package-lock.json). */
export function lockedPackages(kind: Lockable["kind"], text: string): string[] {
  const packages =
    kind === "pypi"
      ? [...text.matchAll(/^[A-Za-z0-9][^\s;\\]*==[^\s;\\]+/gm)].map(([pin]) => pin)
      : Object.entries((JSON.parse(text) as { packages: Record<string, { version?: string }> }).packages)
          .filter(([location]) => location !== "")
          .map(([location, { version }]) => `${location.split("node_modules/").at(-1)}@${version}`);
  return [...new Set(packages)].sort();
}

/** What a new package lock changes, for the terminal; `before` is undefined where there was none. */
export function describeChange(kind: Lockable["kind"], before: string | undefined, after: string): string {
  const now = lockedPackages(kind, after);
  if (before === undefined) return `new, ${now.length} packages`;
  if (before === after) return `unchanged, ${now.length} packages`;
  const then = lockedPackages(kind, before);
  const lines = [
    ...then.filter((one) => !now.includes(one)).map((one) => `  - ${one}`),
    ...now.filter((one) => !then.includes(one)).map((one) => `  + ${one}`),
  ];
  return lines.length ? ["changed", ...lines].join("\n") : `the same ${now.length} packages, other hashes or details`;
}

/** Which packages would run programs of theirs when they are installed, and do not; undefined where there are none. */
export function scriptsHint(lock: string, installScripts: readonly string[]): string | undefined {
  const scripted = npmPackages(lock).flatMap(({ name, hasInstallScript }) => (hasInstallScript ? [name] : []));
  const ignored = [...new Set(scripted)].filter((name) => !installScripts.includes(name));
  return ignored.length
    ? `  Their install scripts do not run: ${ignored.join(", ")}. Many servers need none of them; if this one fails for want of a file, name them in source.installScripts.`
    : undefined;
}

/** Contents of package.json for one npm server. */
const packageJson = (name: string, version: string) =>
  `${JSON.stringify({ private: true, dependencies: { [name]: version } }, undefined, 2)}\n`;

/**
 * The folder with the pinned uv, from PyPI into a venv of its own in the user's cache, and pip beside it; an interrupted
 * installation is repeated.
 */
export async function uvFolder(): Promise<string> {
  const venv = path.join(xdg("XDG_CACHE_HOME", ".cache"), `uv-${UV_VERSION}`);
  const folder = path.join(venv, "bin");
  const works = await execa(path.join(folder, "uv"), ["--version"], { reject: false });
  if (works.exitCode === 0) return folder;
  console.error(`→ uv ${UV_VERSION} into ${venv}`);
  await mkdir(path.dirname(venv), { recursive: true });
  await run(
    "python3",
    ["-m", "venv", "--clear", venv],
    "uv is installed with python3 and its venv module; Debian: sudo apt-get install python3-venv",
  );
  await run(
    path.join(venv, "bin", "pip"),
    ["install", "--quiet", "--disable-pip-version-check", `uv==${UV_VERSION}`],
    `uv ${UV_VERSION} cannot be installed from PyPI`,
  );
  return folder;
}

/** Output of a command. When it fails, the error is `failure` and what the command said. */
async function run(
  command: string,
  args: readonly string[],
  failure: string,
  options: { cwd?: string; input?: string } = {},
): Promise<string> {
  try {
    // Without its last newline a text file differs from the one that is there.
    const { stdout } = await execa(command, args, {
      ...options,
      stripFinalNewline: false,
      env: { UV_PYTHON_DOWNLOADS: "never" },
    });
    return stdout;
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new Error(`${failure}\n${String(error.stderr || error.shortMessage).trim()}`, { cause: error });
  }
}

/**
 * Resolves one folder without reading its present package lock, which follows from server.yaml and the registry alone.
 *
 * @returns Texts by file name; the package lock is the last.
 */
export async function resolve(target: Lockable): Promise<[string, string][]> {
  if (target.kind === "pypi") {
    // Universal: the same package lock for hosts with amd64 and with arm64.
    const args = [
      "pip",
      "compile",
      "--universal",
      "--python-version",
      PYTHON_VERSION,
      "--generate-hashes",
      "--no-header",
      "--no-annotate",
      "-",
    ];
    const text = await run(
      path.join(await uvFolder(), "uv"),
      args,
      `mcp/${target.name}: uv finds no set of packages for Python ${PYTHON_VERSION}`,
      { input: target.requirements },
    );
    return [["requirements.txt", target.firstLine + text]];
  }
  // npm writes the folder's name into the package lock.
  const temporary = await mkdtemp(path.join(tmpdir(), "lock-"));
  const folder = path.join(temporary, target.name);
  try {
    await mkdir(folder);
    await writeFile(path.join(folder, "package.json"), target.manifest);
    // Without addresses of one registry in the package lock, `npm ci` asks the one that is set where it runs.
    // The log level is inherited from `npm run --silent`, and would hide why nothing was found.
    const args = [
      "install",
      "--package-lock-only",
      "--ignore-scripts",
      "--omit-lockfile-registry-resolved",
      "--no-audit",
      "--no-fund",
      "--loglevel=error",
    ];
    await run(
      "npm",
      args,
      `mcp/${target.name}: npm finds no set of packages for this package.json:\n${target.manifest}`,
      {
        cwd: folder,
      },
    );
    const text = await readFile(path.join(folder, "package-lock.json"), "utf8");
    const written: [string, string][] = target.isWritten ? [["package.json", target.manifest]] : [];
    return [...written, ["package-lock.json", text]];
  } finally {
    await rm(temporary, { recursive: true });
  }
}

async function lock(names: readonly string[]): Promise<void> {
  const mcpDir = path.join(projectRoot, "mcp");
  const folders = readServerFolders(mcpDir);
  // Without its server.yaml nobody knows what to lock. `up` reports what else is wrong with a folder.
  const unreadable = folders.filter(
    ({ name, definition, program }) => names.includes(name) && (!definition || (program && !program.requirements)),
  );
  if (unreadable.length) throw new SettingsError(unreadable.flatMap((folder) => folder.unreadable));
  for (const target of lockables(names, folders)) {
    const files = await resolve(target);
    for (const [file, text] of files) {
      const location = path.join(mcpDir, target.name, file);
      const before = existsSync(location) ? await readFile(location, "utf8") : undefined;
      if (before !== text) await writeFile(location, text);
      if (file !== "package.json")
        console.log(`mcp/${target.name}/${file}: ${describeChange(target.kind, before, text)}`);
      const hint = file === "package-lock.json" && target.kind === "npm" && scriptsHint(text, target.installScripts);
      if (hint) console.log(hint);
    }
  }
}

await main(
  import.meta.filename,
  command(
    "lock",
    "Writes the package lock of MCP servers: every package with version and hash, from server.yaml's package and version, or from the requirements.in or package.json of a program of your own.",
  )
    .argument("<server...>", "folders under mcp/")
    .action(lock),
);
