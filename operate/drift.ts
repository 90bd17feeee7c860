import pc from "picocolors";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { command, jsonOption, main, prepared, printJson, stackArguments, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";
import type { Change } from "./preview/plan.ts";
import { showFields } from "./preview/show.ts";
import { allDifferences, describe, ofStack, unrecorded } from "./recovery/on-daemon.ts";

/** Something that is otherwise on the host than it was deployed. */
interface Drift {
  /** For example `container mcp-git`. */
  readonly what: string;
  /** As a sentence about it goes on. */
  readonly is: string;
  /** Whether `up` sees it by itself, or with `--refresh` alone. */
  readonly needsRefresh: boolean;
}

interface Options {
  readonly stack: string;
  readonly json?: true;
}

/** Looks for what somebody has changed on the host since the last `up`; changes nothing. */
async function drift({ stack, json }: Options): Promise<void> {
  const found = await find(await Pulumi.existing(stack));
  if (json) printJson(found);
  else for (const line of lines(found, stack)) console.log(line);
  if (found.length) process.exitCode = 1;
}

async function find(pulumi: Pulumi): Promise<Drift[]> {
  const record = await pulumi.onRecord();
  if (record.stackId === undefined || record.endpoint === undefined) throw notDeployed(pulumi.stack);
  const docker = connectDocker(record.endpoint);
  const there = await ofStack(docker, record.stackId);
  const byHand = await allDifferences(docker, record, there);
  const known = new Set(byHand.map(({ urn }) => urn));
  const others = (await pulumi.drift()).filter(({ urn }) => !known.has(urn));
  return [
    ...byHand.map((one) => ({ what: describe([one]), is: one.is, needsRefresh: false })),
    ...unrecorded(record, there).map((one) => ({
      what: describe([one]),
      is: "is left by an interrupted run",
      needsRefresh: false,
    })),
    ...others.map((change) => ({ what: change.what, is: changed(change), needsRefresh: true })),
  ];
}

const changed = ({ action, fields }: Change): string =>
  action === "delete" ? "is missing" : `is changed: ${showFields(fields)}`;

function lines(found: readonly Drift[], stack: string): string[] {
  if (!found.length) return [pc.green(`Stack ${stack} is on its host as it was deployed.`)];
  const options = found.some(({ needsRefresh }) => needsRefresh)
    ? `${stackArguments(stack) || " --"} --refresh`
    : stackArguments(stack);
  return [
    ...found.map(({ what, is }) => `${pc.yellow("~")} ${what} ${is}`),
    `To bring back what was deployed:  npm run up${options}`,
  ];
}

await main(
  import.meta.filename,
  command(
    "drift",
    "Shows what somebody has changed on the host since the last npm run up. Exit code 1 when there is something.",
  )
    .addOption(stackOption())
    .addOption(jsonOption())
    .hook("preAction", prepared("pulumi"))
    .action(drift),
);
