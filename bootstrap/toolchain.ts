import { mkdir, readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import which from "which";
import { downloaded } from "./download.ts";
import { cached } from "./steps.ts";
import type { Ask } from "./system-packages.ts";
import { buildCli, cliSources } from "../lab/pulumi/cli.ts";
import { buildPlugins, type Plugin, pluginSources } from "../lab/pulumi/plugins.ts";
import { projectRoot } from "../lib/project-root.ts";
import { atLeast } from "./version.ts";

const OLDEST_CLI = "3.200.0";
/** Enough for ~100 MB on a slow line; a firewall that drops packets must not hold everything up for longer. */
const DOWNLOAD_TIMEOUT_MS = 300_000;
const noUpdateCheck = { PULUMI_SKIP_UPDATE_CHECK: "true" };

/**
 * Finds or makes a Pulumi that can run this project: CLI, language host, and the plug-ins docker, random and postgresql in
 * package.json's versions.
 *
 * A usable `pulumi` on PATH is used. Otherwise the official release is downloaded, or, where that fails, the lab builds the
 * CLI. The plug-ins are found apart from it: installed ones are used, otherwise the published ones are installed, or, where
 * that fails, the lab builds them. The outcome stays in the cache: without the cache all of it is tried again.
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

/** A directory whose `bin` holds `pulumi` and the two launchers that belong beside it: the published release, or built. */
async function makeCli(ask: Ask): Promise<string> {
  return cached("pulumi-cli", [process.arch, ...(await cliSources())], async (dir) => {
    const installer = path.join(import.meta.dirname, "install-official.mjs");
    if (!(await download("Pulumi CLI", [process.execPath, installer, dir]))) await buildCli(path.join(dir, "bin"), ask);
  });
}

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

/** A PULUMI_HOME with the plug-ins, built; or with none, when the published ones could be installed in the user's own. */
async function makePlugins(pulumi: string, plugins: readonly Plugin[], ask: Ask): Promise<string> {
  const inputs = [process.arch, JSON.stringify(plugins), ...(await pluginSources())];
  return cached("pulumi-home", inputs, async (dir) => {
    const folder = path.join(dir, "plugins");
    await mkdir(folder);
    if (!(await published(pulumi, plugins))) await buildPlugins(folder, plugins, ask);
  });
}

/** Installs the published plug-ins in Pulumi's home; false as soon as one cannot be had. */
async function published(pulumi: string, plugins: readonly Plugin[]): Promise<boolean> {
  for (const { name, version } of plugins)
    if (!(await download(`Pulumi plug-in ${name}`, [pulumi, "plugin", "install", "resource", name, version])))
      return false;
  return true;
}

const download = (what: string, command: readonly [string, ...string[]]) =>
  downloaded(what, command, DOWNLOAD_TIMEOUT_MS, noUpdateCheck);
