import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { step } from "../../bootstrap/steps.ts";
import type { Ask } from "../../bootstrap/system-packages.ts";
import { goBuild, prepareGo } from "./go.ts";

const module = path.join(import.meta.dirname, "cli");
const goMod = path.join(module, "go.mod");
const languageHost = path.join(import.meta.dirname, "language-host.mjs");
const PULUMI = "github.com/pulumi/pulumi/pkg/v3";

/** Contents of the files that the CLI is built from. */
export const cliSources = (): Promise<string[]> =>
  Promise.all([goMod, path.join(module, "go.sum"), languageHost].map((file) => readFile(file, "utf8")));

/** Builds the Pulumi CLI from its Go module, with STAND-INS for the two launchers that a release has beside it. */
export async function buildCli(bin: string, ask: Ask): Promise<void> {
  const version = new RegExp(`${PULUMI} v(\\S+)`).exec(await readFile(goMod, "utf8"))![1]!;
  await mkdir(bin, { recursive: true });
  const go = await prepareGo(ask);
  await step(`Pulumi CLI ${version} from its Go module (about 5 minutes the first time)`, (run) =>
    goBuild(run, go, {
      module,
      main: `${PULUMI}/cmd/pulumi`,
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
}

const shellScript = (file: string, lines: readonly string[]) =>
  writeFile(file, ["#!/bin/sh", "set -e", ...lines, ""].join("\n"), { mode: 0o755 });
