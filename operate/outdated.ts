import path from "node:path";
import Table from "cli-table3";
import pMap from "p-map";
import pc from "picocolors";
import { prepareDocker } from "../bootstrap/prepare.ts";
import { describeChanges } from "../approval/tool-report.ts";
import type { ToolChange } from "../approval/tool-lock.ts";
import { connectDocker, QUESTIONS_AT_ONCE } from "../components/docker/docker-connection.ts";
import { isSsh } from "../components/docker/ssh-connection.ts";
import { projectRoot } from "../lib/project-root.ts";
import { readServerFolders, type ServerFolder } from "../settings/server-folders.ts";
import { command, jsonOption, main, printJson, stackArguments, stackOption, withGrants } from "./command.ts";
import { interruptible } from "./interruption.ts";
import { secretsOfStack } from "./listing/ask-servers.ts";
import { baseImages } from "./listing/image.ts";
import { askOnTerminal, grantedBy } from "./listing/offers.ts";
import { readStackOfServers, serverOfStack, type StackOfServers } from "./listing/stack-servers.ts";
import { removeLeftOvers } from "./listing/throw-away.ts";
import { type Age, ageOf } from "./outdated/newest.ts";
import { changesOfTools } from "./outdated/newer-tools.ts";
import { copyExample } from "./stack-file.ts";
import { refuseUnknown } from "./tools.ts";

interface Options {
  readonly stack: string;
  readonly json?: true;
  readonly yes?: true;
  readonly withEnv?: true;
  readonly withSecrets?: true;
  readonly withNetwork?: true;
}

async function outdated(names: readonly string[], options: Options): Promise<void> {
  await copyExample(options.stack);
  const stack = readStackOfServers(options.stack);
  const folders = readServerFolders(path.join(projectRoot, "mcp"));
  refuseUnknown(names, folders);
  const wanted = names.length
    ? folders.filter(({ name }) => names.includes(name))
    : folders.filter((folder) => isOn(stack, folder));
  const ages = await pMap(
    wanted.filter(({ definition }) => definition),
    ({ name, definition }) => ageOf(name, definition!.source),
    { concurrency: QUESTIONS_AT_ONCE },
  );
  const tools = names.length ? await newerTools(wanted, ages, stack, options) : new Map<string, ToolChange[]>();
  if (options.json) {
    const nothing = { version: null, newest: null, problem: null, registry: null };
    printJson(
      ages.map((age) => ({ ...nothing, ...age, ...(tools.has(age.server) && { toolChanges: tools.get(age.server) }) })),
    );
    return;
  }
  if (ages.length) console.log(table(ages));
  for (const { server, newest } of ages) {
    const changes = tools.get(server);
    if (!changes) continue;
    console.log(`${pc.bold(server)} ${newest} ${changes.length ? "lists other tools:" : "lists the same tools"}`);
    if (changes.length) console.log(describeChanges(changes, "whole"));
  }
  console.log(verdict(ages, names.length > 0, options.stack));
}

/** A folder that is broken stops nothing here; `up` says what is wrong with it. */
function isOn(stack: StackOfServers, folder: ServerFolder): boolean {
  try {
    return serverOfStack(stack, folder).isEnabled;
  } catch {
    return folder.definition?.enabled === true;
  }
}

/** What changes in the tools of those that can be newer; by server. */
async function newerTools(
  folders: readonly ServerFolder[],
  ages: readonly Age[],
  stack: StackOfServers,
  options: Options,
): Promise<Map<string, ToolChange[]>> {
  const { yes = false } = options;
  const changed = new Map<string, ToolChange[]>();
  const newer = ages.filter(({ isOutdated }) => isOutdated);
  if (!newer.length) return changed;
  if (!isSsh(stack.endpoint)) await prepareDocker(yes, baseImages());
  await removeLeftOvers(connectDocker(stack.endpoint));
  const say = (line: string) => console.error(line);
  await interruptible(async (signal) => {
    for (const { server, newest } of newer)
      changed.set(
        server,
        await changesOfTools(
          folders.find(({ name }) => name === server)!,
          newest!,
          {
            ...{ root: projectRoot, stack, alone: { ...stack, say, signal } },
            listing: {
              ...{ stack: stack.name, granted: grantedBy({ ...options }), ask: askOnTerminal },
              secretsOf: (wanted) => secretsOfStack(stack.name, wanted, yes),
            },
          },
        ),
      );
  });
  return changed;
}

function table(ages: readonly Age[]): string {
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const shown = new Table({
    head: ["MCP server", "from", "what", "version", "newest", ""],
    style: { head: [], border: [] },
    chars: noRules,
  });
  for (const { server, registry, name, version, newest, isOutdated } of ages)
    shown.push([
      ...[server, registry ?? "–", name, version ?? "–", newest ?? (registry ? "?" : "–")],
      isOutdated ? "can be newer" : "",
    ]);
  const problems = ages.flatMap(({ server, problem }) => (problem === undefined ? [] : [`${server}: ${problem}`]));
  return [shown.toString(), ...problems].join("\n");
}

function verdict(ages: readonly Age[], isNamed: boolean, stack: string): string {
  const newer = ages.filter(({ isOutdated }) => isOutdated).map(({ server }) => server);
  const unknown = ages.filter(({ problem, registry }) => problem !== undefined && registry !== undefined).length;
  const rest = unknown ? ` Of ${unknown === 1 ? "1 server" : `${unknown} servers`} no registry says it.` : "";
  if (!newer.length) return `${unknown ? "Nothing that is known" : "Nothing"} can be newer.${rest}`;
  const option = stackArguments(stack);
  return [
    `${newer.length} of ${ages.length} can be newer: ${newer.join(", ")}.${rest}`,
    ...(isNamed
      ? []
      : [`What changes in the tools of one:  npm run outdated -- ${newer[0]}${option.replace(" --", "")}`]),
    `To take it: its version in mcp/NAME/server.yaml, npm run lock -- NAME (of a package), npm run up${option}`,
  ].join("\n");
}

await main(
  import.meta.filename,
  withGrants(
    command(
      "outdated",
      "Shows for each server of a stack the version that its server.yaml has, and the newest one that its registry has: npm and PyPI as npm and pip are set on this machine, and registries of images. With names, also what changes in their tools: the newer one is listed in a container that is thrown away, without network and secrets. Changes nothing.",
    )
      .argument("[server...]", "folders under mcp/; left out, all that the stack has turned on, without their tools")
      .addOption(stackOption("stack whose servers are meant, and on whose Docker daemon newer ones are listed"))
      .addOption(jsonOption())
      .option("--yes", "install missing system packages without asking; grants the server nothing"),
  ).action(outdated),
);
