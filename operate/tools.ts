import path from "node:path";
import Table from "cli-table3";
import pc from "picocolors";
import writeFileAtomic from "write-file-atomic";
import { prepare } from "../bootstrap/prepare.ts";
import { listTools } from "../check/listing.ts";
import { mayCall } from "../ingress/rights.ts";
import { readServerFolders, type ServerFolder } from "../settings/server-folders.ts";
import {
  nameOf,
  type Tool,
  TOOL_LOCK_FILE,
  type ToolChange,
  toolChanges,
  type ToolLock,
  writeToolLock,
} from "../approval/tool-lock.ts";
import {
  approveCommand,
  describeChanges,
  describeSuspicions,
  firstLine,
  suspicionsAmong,
} from "../approval/tool-report.ts";
import { suspicionsOf, visible } from "../approval/tool-scan.ts";
import { projectRoot } from "../lib/project-root.ts";
import { command, jsonOption, main, printJson, stackArguments, stackOption, withGrants } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { interruptible } from "./interruption.ts";
import { askServers } from "./listing/ask-servers.ts";
import { grantedBy } from "./listing/offers.ts";
import { readStackOfServers } from "./listing/stack-servers.ts";
import { copyExample } from "./stack-file.ts";

/** An MCP server as its folder and its own list show it. */
export interface Server {
  readonly name: string;
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly toolLock: ToolLock | undefined;
  readonly listed: readonly Tool[];
  readonly changes: readonly ToolChange[];
  /**
   * Without an adapter: tools of its tool lock that no client may call. LiteLLM may list them to nobody, so an approval
   * keeps them as they are.
   */
  readonly unseen: ToolLock;
}

type Folder = Pick<ServerFolder, "name" | "folder" | "toolLock">;

/** @throws Error that says of every name what is wrong with it. */
export function refuseUnknown(names: readonly string[], folders: readonly Pick<ServerFolder, "name">[]): void {
  const known = folders.map(({ name }) => name);
  const refused = names.filter((name) => !known.includes(name));
  if (refused.length)
    throw new Error(
      refused.map((name) => `${name}: no such server under mcp/; there are ${known.join(", ")}`).join("\n"),
    );
}

/** What a server lists, compared with its tool lock. */
export const compare = ({ name, folder, toolLock }: Folder, listed: readonly Tool[]): Server => ({
  ...{ name, folder, toolLock, listed, unseen: {} },
  changes: toolChanges(toolLock ?? {}, listed),
});

/**
 * What LiteLLM lists of a server without an adapter, compared with its tool lock.
 *
 * @param maySee Whether some client of the stack may call a tool; newer versions of LiteLLM show no others.
 */
export function compareAtGateway(
  { name, folder, toolLock }: Folder,
  listed: readonly Tool[],
  maySee: (tool: string) => boolean,
): Server {
  const isUnseen = (tool: string) => !maySee(tool) && !listed.some((one) => one.name === tool);
  return {
    ...{ name, folder, toolLock, listed },
    changes: toolChanges(toolLock ?? {}, listed, maySee),
    unseen: Object.fromEntries(Object.entries(toolLock ?? {}).filter(([tool]) => isUnseen(tool))),
  };
}

const heading = ({ name, toolLock, changes }: Server) => {
  const state = toolLock ? (changes.length ? "differs from" : "is as in") : "has no";
  return `${pc.bold(name)} ${state} mcp/${name}/${TOOL_LOCK_FILE}`;
};

/** Every tool of a server, those that are gone included, with its state and what is suspicious about it. */
const stateOfTools = ({ name: server, toolLock, listed, changes }: Server) => [
  ...listed.map((tool) => {
    const change = changes.find((one) => nameOf(one) === tool.name);
    const state = !change ? "approved" : change.kind === "added" ? (toolLock ? "added" : "not approved") : "changed";
    return { server, tool: tool.name, state, description: tool.description, suspicions: suspicionsOf(tool) };
  }),
  ...changes
    .filter(({ kind }) => kind === "removed")
    .map((change) => ({ server, tool: nameOf(change), state: "removed", description: "", suspicions: [] })),
];

function list(servers: readonly Server[], json: boolean): void {
  const tools = servers.flatMap(stateOfTools);
  if (json) {
    printJson(tools);
    return;
  }
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const table = new Table({
    head: ["MCP server", "tool", "", "description"],
    style: { head: [], border: [] },
    chars: noRules,
    colWidths: [null, null, null, 110],
  });
  table.push(
    ...tools.map(({ server, tool, state, description }) => [server, visible(tool), state, firstLine(description)]),
  );
  console.log(table.toString());
  for (const { server, tool, suspicions } of tools)
    if (suspicions.length) console.log(pc.yellow(`${server}, ${visible(tool)}\n${describeSuspicions(suspicions)}`));
}

/** Shows what differs, and says whether anything does. */
function diff(servers: readonly Server[], stack: string, json: boolean): boolean {
  if (json)
    printJson(
      servers.map(({ name, toolLock, changes }) => ({ server: name, hasToolLock: toolLock !== undefined, changes })),
    );
  else
    for (const server of servers) {
      console.log(heading(server));
      if (server.changes.length)
        console.log(
          `${describeChanges(server.changes, "whole")}\n  Approve it:  ${approveCommand([server.name], stack)}`,
        );
    }
  return servers.some(({ changes }) => changes.length);
}

/**
 * Shows what differs and writes it into the tool locks; a server with suspicious changes is left as it is unless
 * `acceptSuspicious`. Gives what was refused.
 */
async function approve(servers: readonly Server[], acceptSuspicious: boolean, stack: string): Promise<string[]> {
  const refused: string[] = [];
  let written = 0;
  for (const server of servers) {
    const { name, folder, listed, changes, unseen } = server;
    console.log(heading(server));
    if (!changes.length && server.toolLock) continue;
    console.log(describeChanges(changes, "whole"));
    const suspicious = [...suspicionsAmong(changes).keys()].map(visible);
    if (suspicious.length && !acceptSuspicious) {
      refused.push(
        `${name}: not approved, suspicious: ${suspicious.join(", ")}. Read the lines with ! above; if that is how the server has to be: ${approveCommand([name], stack)} --accept-suspicious`,
      );
      continue;
    }
    try {
      await writeFileAtomic(path.join(folder, TOOL_LOCK_FILE), writeToolLock(listed, unseen));
    } catch (error) {
      throw new Error(`${name}: not approved, ${visible((error as Error).message)}`, { cause: error });
    }
    written += 1;
    console.log(pc.green(`  approved: mcp/${name}/${TOOL_LOCK_FILE}`));
  }
  if (written) console.log(`\nNext  npm run up${stackArguments(stack)}`);
  return refused;
}

/** The servers, and what was wrong with each that could not be asked. */
interface Loaded {
  readonly servers: readonly Server[];
  readonly problems: readonly string[];
}

interface Options {
  readonly stack: string;
  readonly yes?: true;
  readonly fresh?: true;
  readonly json?: true;
  readonly withEnv?: true;
  readonly withSecrets?: true;
  readonly withNetwork?: true;
}

/** What servers list now, compared with the folders under mcp/. */
async function load(names: readonly string[], options: Options): Promise<Loaded> {
  const { stack: stackName, fresh = false, yes = false } = options;
  // A file that cannot be read stops nothing here: `up` reports it, and an approval replaces a tool lock that is broken.
  const folders = readServerFolders(path.join(projectRoot, "mcp"));
  refuseUnknown(names, folders);
  const stack = readStackOfServers(stackName);
  const asked = await interruptible((signal) =>
    askServers(names, folders, stack, { fresh, yes, granted: grantedBy({ ...options }) }, signal),
  );
  const atGateway = asked.atGateway.length ? await askGateway(stackName, yes) : undefined;
  const servers: Server[] = [];
  const problems = [...asked.problems.values()];
  for (const folder of folders) {
    const { name } = folder;
    const listed = asked.listed.get(name);
    if (listed) servers.push(compare(folder, listed));
    if (!atGateway || !asked.atGateway.includes(name)) continue;
    const shown = atGateway.listing.get(name);
    if (shown) servers.push(compareAtGateway(folder, shown, (tool) => atGateway.maySee(name, tool)));
    else if (names.includes(name))
      problems.push(
        `${name}: LiteLLM lists no tools of it on stack ${stackName}. May a client use it? If so, npm run up says what is wrong with it`,
      );
  }
  if (!servers.length && !problems.length)
    throw new Error(
      `no server of stack ${stackName} runs. Name those to ask in a container of their own, or --fresh for all that are turned on`,
    );
  return { servers, problems };
}

/** What the gateway of a stack lists now, and what its clients may call. */
async function askGateway(stack: string, yes: boolean) {
  Object.assign(process.env, await prepare({ yes, engine: false }));
  const { gatewayUrl, clients } = await (await Pulumi.existing(stack)).rights();
  const keys = clients.map(({ key }) => key);
  const listing = await listTools(gatewayUrl, keys).catch((error: Error) => {
    throw new Error(`stack ${stack}: ${gatewayUrl}/mcp/ does not answer: ${error.message}`);
  });
  const maySee = (server: string, tool: string) =>
    clients.some(({ rights: { servers } }) => servers[server] && mayCall(servers[server], tool));
  return { listing, maySee };
}

/** After everything that could be asked was shown. */
function refuse(problems: readonly string[]): void {
  if (problems.length) throw new Error(problems.join("\n"));
}

const program = command(
  "tools",
  `Compares the tools that servers list with those that were approved (mcp/<server>/${TOOL_LOCK_FILE}). A server that runs is asked in its container, any other in one that is thrown away, without network and secrets.`,
).hook("preAction", (_program, action) => copyExample(action.opts<{ stack: string }>().stack));

const subcommand = (name: string, description: string) =>
  withGrants(
    program
      .command(name)
      .description(description)
      .argument("[server...]", "folders under mcp/; all that run when none is named")
      .addOption(stackOption("stack whose servers they are"))
      .option("--fresh", "ask every server in a throw-away container; without names all that are turned on")
      .option("--yes", "install missing system packages without asking; grants a server nothing"),
  );

subcommand("list", "Shows every tool, whether it is approved, and what is suspicious about it.")
  .addOption(jsonOption())
  .action(async (names: string[], options: Options) => {
    const { servers, problems } = await load(names, options);
    list(servers, options.json ?? false);
    refuse(problems);
  });
subcommand("diff", "Shows what differs from the tool locks; exit code 1 if anything does.")
  .addOption(jsonOption())
  .action(async (names: string[], options: Options) => {
    const { servers, problems } = await load(names, options);
    if (diff(servers, options.stack, options.json ?? false)) process.exitCode = 1;
    refuse(problems);
  });
subcommand("approve", "Shows what differs and writes it into the tool locks: read it before the next npm run up.")
  .option("--all", "every server that runs")
  .option("--accept-suspicious", "approve what is marked as suspicious as well")
  .action(async (names: string[], options: Options & { readonly all?: true; readonly acceptSuspicious?: true }) => {
    if (!names.length && !options.all) throw new Error("approve: name the servers, or say --all");
    const { servers, problems } = await load(options.all ? [] : names, options);
    refuse([...problems, ...(await approve(servers, options.acceptSuspicious ?? false, options.stack))]);
  });

await main(import.meta.filename, program);
