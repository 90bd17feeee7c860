import { copyFile, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa, type ExecaError } from "execa";
import which from "which";
import { cached, step } from "./steps.ts";
import type { Ask } from "./system-packages.ts";
import { goBuild, prepareGo } from "../lab/pulumi/go.ts";
import { projectRoot } from "../lib/project-root.ts";
import { atLeast } from "./version.ts";

const standIns = path.join(projectRoot, "lab", "pulumi");
const cliModule = path.join(standIns, "cli");
const pluginsModule = path.join(standIns, "plugins");
const languageHost = path.join(standIns, "language-host.mjs");

const OLDEST_CLI = "3.200.0";
const CLI_PATH = "github.com/pulumi/pulumi/pkg/v3";
/** Enough for ~100 MB on a slow line; a firewall that drops packets must not hold everything up for longer. */
const DOWNLOAD_TIMEOUT_MS = 300_000;
const noUpdateCheck = { PULUMI_SKIP_UPDATE_CHECK: "true" };

interface Plugin {
  name: string;
  version: string;
}

/**
 * Finds or makes a Pulumi that can run this project: CLI, language host, and the plug-ins docker, random and postgresql in
 * package.json's versions.
 *
 * A usable `pulumi` on PATH is used. Else the official release is downloaded; where it cannot be had, the CLI is built from
 * its Go module. The plug-ins, independently: installed ones are used; else the published ones are installed; else they are
 * built from upstream's Go modules. What was decided is remembered in the cache: remove the cache to decide anew.
 *
 * @returns `bin`: directories to put before PATH; `env`: variables to set. Both empty where the machine has everything.
 * @throws Error with the failed step, the end of its log and the log's path when something cannot be built.
 */
export async function preparePulumi(ask: Ask): Promise<{ bin: string[]; env: Record<string, string> }> {
  const own = await usableOnPath();
  const bin = own ? [] : [path.join(await makeCli(ask), "bin")];
  const pulumi = own ?? path.join(...(bin as [string]), "pulumi");
  const plugins = await neededPlugins();
  if (await installed(pulumi, plugins)) return { bin, env: {} };

  const home = await makePlugins(pulumi, plugins, ask);
  const built = await readdir(path.join(home, "plugins"));
  if (built.length === 0) return { bin, env: {} };
  const env = { PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" };
  // The user's own Pulumi keeps its home, where its logins are, and takes the plug-ins from PATH (warning of each).
  if (own) return { bin: built.map((plugin) => path.join(home, "plugins", plugin)), env };
  return { bin, env: { ...env, PULUMI_HOME: home } };
}

/** The `pulumi` on PATH if it is new enough and has its language host, as every release has. */
async function usableOnPath(): Promise<string | undefined> {
  const [pulumi, host] = await Promise.all(
    ["pulumi", "pulumi-language-nodejs"].map((command) => which(command, { nothrow: true })),
  );
  if (!pulumi || !host) return undefined;
  const { stdout, exitCode } = await execa(pulumi, ["version"], { env: noUpdateCheck, reject: false });
  return exitCode === 0 && atLeast(stdout, OLDEST_CLI) ? pulumi : undefined;
}

/** A directory whose `bin` holds `pulumi` and the two launchers that belong beside it. */
async function makeCli(ask: Ask): Promise<string> {
  const inputs = ["go.mod", "go.sum"].map((file) => path.join(cliModule, file));
  const [goMod, ...others] = await Promise.all([...inputs, languageHost].map((file) => readFile(file, "utf8")));
  return cached("pulumi-cli", [process.arch, goMod!, ...others], async (dir) => {
    if (await downloaded("Pulumi CLI", process.execPath, [path.join(import.meta.dirname, "install-official.mjs"), dir]))
      return;
    const version = new RegExp(`${CLI_PATH} v(\\S+)`).exec(goMod!)![1]!;
    const bin = path.join(dir, "bin");
    await mkdir(bin, { recursive: true });
    const go = await prepareGo(ask);
    await step(`Pulumi CLI ${version} from its Go module (about 5 minutes the first time)`, (run) =>
      goBuild(run, go, {
        module: cliModule,
        main: `${CLI_PATH}/cmd/pulumi`,
        output: path.join(bin, "pulumi"),
        // A CLI without a version is refused by @pulumi/pulumi's automation.
        variables: { "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": version },
      }),
    );
    await copyFile(languageHost, path.join(bin, "language-host.mjs"));
    await shellScript(path.join(bin, "pulumi-language-nodejs"), [`exec node "$(dirname "$0")/language-host.mjs" "$@"`]);
    // The engine starts it in the project's folder, whose own @pulumi/pulumi must run the provider.
    await shellScript(path.join(bin, "pulumi-resource-pulumi-nodejs"), [
      `provider=$(node -p 'require.resolve("@pulumi/pulumi/cmd/dynamic-provider")')`,
      `exec node "$provider" "$@"`,
    ]);
  });
}

const shellScript = (file: string, lines: readonly string[]) =>
  writeFile(file, ["#!/bin/sh", "set -e", ...lines, ""].join("\n"), { mode: 0o755 });

/** The plug-ins that the program's packages ask for. */
async function neededPlugins(): Promise<Plugin[]> {
  const file = path.join(projectRoot, "package.json");
  const { dependencies } = JSON.parse(await readFile(file, "utf8")) as { dependencies: Record<string, string> };
  return ["docker", "random", "postgresql"].map((name) => {
    const version = dependencies[`@pulumi/${name}`];
    if (!version || !/^\d/.test(version))
      throw new Error(`package.json: dependencies["@pulumi/${name}"] is "${version ?? ""}": write an exact version`);
    return { name, version };
  });
}

/** Whether Pulumi would find every plug-in: in its home with the right version, or on PATH, where it asks for none. */
async function installed(pulumi: string, plugins: readonly Plugin[]): Promise<boolean> {
  const { stdout } = await execa(pulumi, ["plugin", "ls", "--json"], { env: noUpdateCheck });
  const inHome = JSON.parse(stdout) as { name: string; kind: string; version: string }[];
  const found = await Promise.all(
    plugins.map(
      async ({ name, version }) =>
        inHome.some((plugin) => plugin.kind === "resource" && plugin.name === name && plugin.version === version) ||
        (await which(`pulumi-resource-${name}`, { nothrow: true })) !== null,
    ),
  );
  return found.every(Boolean);
}

/**
 * A PULUMI_HOME with the plug-ins, built; or with none, when the published ones could be installed in the user's own.
 */
async function makePlugins(pulumi: string, plugins: readonly Plugin[], ask: Ask): Promise<string> {
  const entries = await readdir(pluginsModule, { recursive: true, withFileTypes: true });
  const sources = entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
  const contents = await Promise.all(sources.map((file) => readFile(file)));
  return cached("pulumi-home", [process.arch, JSON.stringify(plugins), ...contents], async (dir) => {
    const home = path.join(dir, "plugins");
    await mkdir(home);
    if (await published(pulumi, plugins)) return;
    const go = await prepareGo(ask);
    for (const { name, version } of plugins)
      await step(`Pulumi plug-in ${name} ${version} from its Go module (up to 5 minutes the first time)`, (run) =>
        goBuild(run, go, {
          module: pluginsModule,
          main: `./${name}`,
          output: path.join(home, `resource-${name}-v${version}`, `pulumi-resource-${name}`),
          variables: { "litellm-mcp/lab/plugins/bridge.Version": version },
          // Docker Compose, which nothing of ours uses, would more than double the build.
          tags: ["no_compose"],
        }),
      );
  });
}

/** Installs the published plug-ins in Pulumi's home; false as soon as one cannot be had. */
async function published(pulumi: string, plugins: readonly Plugin[]): Promise<boolean> {
  for (const { name, version } of plugins)
    if (!(await downloaded(`Pulumi plug-in ${name}`, pulumi, ["plugin", "install", "resource", name, version])))
      return false;
  return true;
}

/** Runs a command that downloads something; false, with the reason on the terminal, when it fails or takes too long. */
async function downloaded(what: string, command: string, args: readonly string[]): Promise<boolean> {
  return step(`${what}: looking for the published release`, async (run) => {
    try {
      await run(command, args, { timeout: DOWNLOAD_TIMEOUT_MS, env: noUpdateCheck });
      return true;
    } catch (error) {
      const { timedOut, stderr, message } = error as ExecaError;
      const reason = timedOut
        ? `not finished in ${DOWNLOAD_TIMEOUT_MS / 1000} s`
        : String(stderr || message)
            .trim()
            .split("\n")
            .at(-1);
      process.stderr.write(`  not to be had here, it is built instead (${reason})\n`);
      return false;
    }
  });
}
