import { existsSync } from "node:fs";
import path from "node:path";
import { text } from "@clack/prompts";
import pc from "picocolors";
import semver from "semver";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { projectRoot } from "../lib/project-root.ts";
import { agree } from "./agree.ts";
import { SEALED } from "./backup/encryption.ts";
import { readText } from "./backup/file.ts";
import { type Manifest, rowsIn } from "./backup/manifest.ts";
import { openBackup, readOpener, refuseUnopened } from "./backup/open-backup.ts";
import { putBack } from "./backup/put-back.ts";
import {
  changedSecrets,
  type Exported,
  hasNothing,
  readSecrets,
  secretsAlone,
  withSecretsOf,
} from "./backup/secrets.ts";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { settingsOfStack } from "./config/stack-settings.ts";
import { deploy } from "./deploy.ts";
import { Pulumi } from "./deployed-stack.ts";
import { versionOfImage } from "./move/image-setting.ts";
import { readRecord } from "./recovery/on-record.ts";
import { ofStack } from "./recovery/on-daemon.ts";
import { lookAgain, recover } from "./recovery/recover.ts";
import { currentOf, passwordsOf } from "./stored-state.ts";
import { check, summary } from "./verify.ts";

interface Options {
  readonly stack: string;
  readonly identity?: string;
  readonly yes?: boolean;
}

/** @param given Path of a backup. */
export async function restore(given: string, { stack, identity, yes }: Options): Promise<void> {
  const file = path.resolve(given);
  const opened = await openBackup(file, await readOpener(identity));
  const { backup, manifest } = opened;
  if (manifest.stack !== stack)
    throw new Error(
      `${file} is of stack ${manifest.stack}, and not of ${stack}. If that is meant: npm run restore${stackArguments(manifest.stack) || " --"} ${given}`,
    );
  refuseUnopened(opened, `npm run restore -- --stack ${stack} ${given} --identity KEYFILE`);
  if (!manifest.encryption && identity !== undefined)
    console.error(pc.yellow(`${file} is not encrypted: --identity is not needed for it`));
  const settings = `Pulumi.${stack}.yaml`;
  if (!existsSync(path.join(projectRoot, settings)))
    throw new Error(
      manifest.settings
        ? `there is no ${settings}. The backup has one: ${extract(manifest.settings.name, file, identity)} >${settings}; look at it, and run the command again`
        : `there is no ${settings}, and a backup that the host made has none: a file of npm run backup has one`,
    );
  const pulumi = await Pulumi.open(stack);
  if (manifest.project !== pulumi.project)
    throw new Error(`${file} is of project ${manifest.project}, and not of ${pulumi.project}`);
  // The host does not have the state: what it backs up by itself has no keys, and those of today go on.
  const before = manifest.state && (await readSecrets(manifest.project, stack, await readText(backup, manifest.state)));

  const now = await pulumi.exported();
  const isEmpty = hasNothing(now);
  const deployed = await pulumi.held();
  const isDeployed = deployed !== undefined;
  refuseNewer(stack, manifest, deployed?.litellm.image);
  if (isEmpty && !before && !passwordsOf(currentOf(now.deployment)).length)
    throw new Error(
      `nothing was changed: stack ${stack} is not deployed, and ${file} was made on the host, without the state, so it has no keys. Either restore a file of ` +
        `npm run backup first, which brings back its keys, or npm run up${stackArguments(stack)}, which makes new ones; then run the command again`,
    );
  if (isEmpty && before) await refuseLostState(extract(manifest.state!.name, file, identity), stack, before);
  console.log(describe(file, manifest, isDeployed, before ? changedSecrets(before, now) : []));
  await agree({ ...(yes !== undefined && { yes }) }, async () => {
    const name = await text({ message: `Type ${stack} to replace what it holds` });
    return typeof name === "symbol" ? name : name === stack;
  });

  await recover(pulumi);
  if (!isDeployed) {
    // Of one that is half deployed something knows its keys already.
    if (isEmpty && before) await pulumi.importState(secretsAlone(before));
    await deploy(pulumi, [], fileIsBackup).catch(incomplete("the stack is not deployed"));
  }
  const held = await pulumi.held();
  if (!held)
    throw new Error(`stack ${stack} has no database after it was deployed: npm run up${stackArguments(stack)}`);
  await putBack(backup, manifest, held, async () => {
    if (!before) return;
    const state = await pulumi.exported();
    if (changedSecrets(before, state).length) await pulumi.importState(withSecretsOf(before, state));
  });
  // Keys that were made after the backup, and rights as the settings say them now.
  const restored = incomplete("databases and volumes are restored");
  await lookAgain(pulumi).catch(restored);
  await deploy(pulumi, [], fileIsBackup).catch(restored);
  console.log(`${summary(await check(pulumi))}\n${pc.green(`Restored from ${file}.`)}`);
}

/**
 * @throws Error for a backup of a newer LiteLLM than the one that would run on it: an older one may delete what it does not know in
 * the database.
 */
function refuseNewer(stack: string, { versions }: Manifest, deployed: string | undefined): void {
  const newer = versionOfImage(versions.litellm);
  const here = [settingsOfStack(stack).settings.gateway.version, deployed && versionOfImage(deployed)];
  const older = here.find((version) => version && newer && semver.lt(version, newer));
  if (older)
    throw new Error(
      `nothing was changed: the backup is of LiteLLM ${newer}, and ${older} would run on it here, which does not know all of its database. ` +
        `First write litellm-mcp:gateway.image: ${versions.litellm}, then npm run up${stackArguments(stack)}, and run the command again`,
    );
}

/** LiteLLM may be moved to another image with it: what is restored is in the file. */
const fileIsBackup = () => Promise.resolve();

/** A command that prints a part of a backup. */
const extract = (part: string, file: string, identity: string | undefined) =>
  `tar -xOf ${file} ${part}${part.endsWith(SEALED) ? ` | age --decrypt --identity ${identity}` : ""}`;

const incomplete = (state: string) => (error: Error) => {
  throw new Error(`${error.message}\n${state}; run the command again when that is fixed: it begins anew`, {
    cause: error,
  });
};

/** What will happen, for whoever is asked. */
function describe(file: string, manifest: Manifest, isDeployed: boolean, changed: readonly string[]): string {
  const { stack, created, databases, volumes, versions, state } = manifest;
  const lines = [
    ...databases.map((one) => `database ${one.name}, ${rowsIn(one)} rows`),
    ...volumes.map(({ name }) => `volume ${name}`),
  ];
  const keys = changed.length
    ? `\nThe stack was made anew since then: it gets its keys of clients and LiteLLM's salt key of the backup, and those of today are refused.`
    : state
      ? ""
      : `\nIt was made on the host, without the state: the keys of today stay as they are.`;
  return `${pc.bold(file)} is whole: stack ${pc.bold(stack)}, ${created.slice(0, 16).replace("T", " ")} UTC, LiteLLM ${versions.litellm}
${lines.map((line) => `  - ${line}`).join("\n")}
${
  isDeployed
    ? `What these hold now is replaced; rows that were written and things that were stored since are gone (npm run backup${stackArguments(stack)} keeps
them). LiteLLM and the servers concerned are stopped meanwhile.`
    : "The stack is not deployed. It is deployed with the settings of today, and the keys of the backup."
}${keys}`;
}

/** A state that is lost, while all that it knew is still there, is another matter: nothing has to be made anew. */
async function refuseLostState(state: string, stack: string, before: Exported): Promise<void> {
  const { stackId, endpoint } = readRecord(before.deployment);
  if (stackId === undefined || endpoint === undefined) return;
  const found = await ofStack(connectDocker(endpoint), stackId).catch(() => {
    // Another host is restored to; the run itself says when that does not answer.
    return [];
  });
  if (!found.length) return;
  throw new Error(
    `nothing was changed: on ${endpoint.host} the stack is still there (${found.length} containers, networks and volumes), and only its state is ` +
      `missing here. Bring that back: eval "$(npm run --silent env)" && ${state} | pulumi stack import ` +
      `--stack ${stack}; then npm run up${stackArguments(stack)}`,
  );
}

await main(
  import.meta.filename,
  command(
    "restore",
    "Puts a backup in the place of what a stack holds. A stack that is not deployed is deployed first, with the keys of the backup.",
  )
    .argument("<file>", "made by npm run backup, or by litellm-mcp:backup on the host")
    .addOption(stackOption("stack to restore; the backup is of the same one"))
    .option("--identity <file>", "of a backup that is encrypted: file with an identity of age that opens it")
    .option("--yes", "ask nothing")
    .hook("preAction", prepared("host"))
    .action(restore),
);
