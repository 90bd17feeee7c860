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
import { ageOfImage, type ImageAge, imagesOfStack } from "./outdated/stack-images.ts";
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
  const [ages, images] = await Promise.all([
    pMap(
      wanted.filter(({ definition }) => definition),
      ({ name, definition }) => ageOf(name, definition!.source),
      { concurrency: QUESTIONS_AT_ONCE },
    ),
    // With names, these servers alone are asked about.
    Promise.all(names.length ? [] : imagesOfStack(options.stack).map((image) => ageOfImage(image))),
  ]);
  const tools = names.length ? await newerTools(wanted, ages, stack, options) : new Map<string, ToolChange[]>();
  if (options.json) {
    printJson({
      servers: ages.map((age) => ({
        ...withNull(age),
        ...(tools.has(age.server) && { toolChanges: tools.get(age.server) }),
      })),
      images: images.map(withNull),
    });
    return;
  }
  if (images.length)
    console.log(
      table(
        "part of the stack",
        images.map((age) => [age.part, age]),
      ),
    );
  if (ages.length)
    console.log(
      table(
        "MCP server",
        ages.map((age) => [age.server, age]),
      ),
    );
  for (const { server, newest } of ages) {
    const changes = tools.get(server);
    if (!changes) continue;
    console.log(`${pc.bold(server)} ${newest} ${changes.length ? "lists other tools:" : "lists the same tools"}`);
    if (changes.length) console.log(describeChanges(changes, "whole"));
  }
  console.log(verdict(ages, images, names.length > 0, options.stack));
}

/** JSON has no undefined: the key would be missing. */
const withNull = (age: object) => Object.fromEntries(Object.entries(age).map(([key, value]) => [key, value ?? null]));

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

function table(title: string, ages: readonly (readonly [string, Omit<Age, "server">])[]): string {
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const shown = new Table({
    head: [title, "from", "what", "version", "newest", ""],
    style: { head: [], border: [] },
    chars: noRules,
  });
  for (const [what, { registry, name, version, newest, isOutdated }] of ages)
    shown.push([
      ...[what, registry ?? "–", name, version ?? "–", newest ?? (registry ? "?" : "–")],
      isOutdated ? "can be newer" : "",
    ]);
  const problems = ages.flatMap(([what, { problem }]) => (problem === undefined ? [] : [`${what}: ${problem}`]));
  return [shown.toString(), ...problems].join("\n");
}

function verdict(ages: readonly Age[], images: readonly ImageAge[], isNamed: boolean, stack: string): string {
  const all = [
    ...images.map((age) => ({ ...age, what: age.part })),
    ...ages.map((age) => ({ ...age, what: age.server })),
  ];
  const newer = all.filter(({ isOutdated }) => isOutdated).map(({ what }) => what);
  const unknown = all.filter(({ problem, registry }) => problem !== undefined && registry !== undefined).length;
  const rest = unknown ? ` Of ${unknown} no registry says it.` : "";
  const later = images.flatMap(({ part, setting, version, laterMajor }) =>
    laterMajor === undefined
      ? []
      : `There is ${part} ${laterMajor} as well. It does not read the volume of ${version}: npm run backup, npm run down, remove the volume of Postgres, ${setting}, npm run restore`,
  );
  if (!newer.length)
    return [`${unknown ? "Nothing that is known" : "Nothing"} can be newer.${rest}`, ...later].join("\n");
  const option = stackArguments(stack);
  const [server] = ages.filter(({ isOutdated }) => isOutdated);
  return [
    `${newer.length} of ${all.length} can be newer: ${newer.join(", ")}.${rest}`,
    ...images
      .filter(({ isOutdated }) => isOutdated)
      .map(
        ({ part, setting, newest }) =>
          `${part}: ${newest} at ${setting}, npm run up${option}` +
          (part === "LiteLLM" ? "; what differs, and a backup before it: docs/litellm-versions.md" : ""),
      ),
    ...(server
      ? [
          ...(isNamed
            ? []
            : [
                `What changes in the tools of a server:  npm run outdated -- ${server.server}${option.replace(" --", "")}`,
              ]),
          `A server: its version in mcp/NAME/server.yaml, npm run lock -- NAME (of a package), npm run up${option}`,
        ]
      : []),
    ...later,
  ].join("\n");
}

await main(
  import.meta.filename,
  withGrants(
    command(
      "outdated",
      "Shows for LiteLLM, Postgres, Redis, Prometheus, Loki and its collector, and Grafana of a stack, and for each of its servers, the version that the stack's file or the server.yaml has, and the newest one that its registry has: npm and PyPI as npm and pip are set on this machine, and registries of images. With names, also what changes in their tools: the newer one is listed in a container that is thrown away, without network and secrets. Changes nothing.",
    )
      .argument(
        "[server...]",
        "folders under mcp/; left out, all that the stack has turned on, without their tools, and the images of the stack",
      )
      .addOption(stackOption("stack whose servers are meant, and on whose Docker daemon newer ones are listed"))
      .addOption(jsonOption())
      .option("--yes", "install missing system packages without asking; grants the server nothing"),
  ).action(outdated),
);
