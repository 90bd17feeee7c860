import path from "node:path";
import Table from "cli-table3";
import pc from "picocolors";
import writeFileAtomic from "write-file-atomic";
import { type Listing, listTools } from "../components/gateway/check/listing.ts";
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
import { command, jsonOption, main, prepared, printJson, stackArguments, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";

/** An MCP server as its folder and the gateway show it. */
export interface Server {
  readonly name: string;
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly toolLock: ToolLock | undefined;
  readonly listed: readonly Tool[];
  readonly changes: readonly ToolChange[];
  /** Tools of its tool lock that no client may call. LiteLLM may list them to nobody, so an approval keeps them as they are. */
  readonly unseen: ToolLock;
}

/**
 * The servers to look at: those that are named, or all that list something.
 *
 * @param maySee Whether some client of the stack may call a tool; newer versions of LiteLLM show no others.
 * @throws Error that says of every name what is wrong with it.
 */
export function select(
  names: readonly string[],
  folders: readonly Pick<ServerFolder, "name" | "folder" | "toolLock">[],
  listing: Listing,
  maySee: (server: string, tool: string) => boolean,
  stack: string,
): Server[] {
  const refused = names.flatMap((name) => {
    if (!folders.some((folder) => folder.name === name))
      return [`${name}: no such server under mcp/; there are ${folders.map((folder) => folder.name).join(", ")}`];
    if (listing.has(name)) return [];
    return [
      `${name}: lists no tools on stack ${stack}. Is it enabled there, and may a client use it? If so, npm run up says what is wrong with it`,
    ];
  });
  if (refused.length) throw new Error(refused.join("\n"));
  return folders
    .filter(({ name }) => listing.has(name) && (!names.length || names.includes(name)))
    .map(({ name, folder, toolLock }) => {
      const listed = listing.get(name)!;
      const isUnseen = (tool: string) => !maySee(name, tool) && !listed.some((one) => one.name === tool);
      return {
        name,
        folder,
        toolLock,
        listed,
        changes: toolChanges(toolLock ?? {}, listed, (tool) => maySee(name, tool)),
        unseen: Object.fromEntries(Object.entries(toolLock ?? {}).filter(([tool]) => isUnseen(tool))),
      };
    });
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

/** Shows what differs and writes it into the tool locks; a server with suspicious changes is left as it is unless `acceptSuspicious`. */
async function approve(servers: readonly Server[], acceptSuspicious: boolean, stack: string): Promise<void> {
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
  if (refused.length) throw new Error(refused.join("\n"));
}

/** What the gateway of a stack lists now, compared with the folders under mcp/. */
async function load(names: readonly string[], stack: string): Promise<Server[]> {
  const { gatewayUrl, clients } = await (await Pulumi.existing(stack)).rights();
  // A file that cannot be read stops nothing here: `up` reports it, and an approval replaces a tool lock that is broken.
  const folders = readServerFolders(path.join(projectRoot, "mcp"));
  const listing = await listTools(
    gatewayUrl,
    clients.map(({ key }) => key),
  ).catch((error: Error) => {
    throw new Error(`stack ${stack}: ${gatewayUrl}/mcp/ does not answer: ${error.message}`);
  });
  const maySee = (server: string, tool: string) =>
    clients.some(({ rules }) => rules[server] && mayCall(rules[server], tool));
  return select(names, folders, listing, maySee, stack);
}

const program = command(
  "tools",
  `Compares the tools that the gateway lists with those that were approved (mcp/<server>/${TOOL_LOCK_FILE}).`,
).hook("preAction", prepared("pulumi"));

const subcommand = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .argument("[server...]", "folders under mcp/; all that list something when none is named")
    .addOption(stackOption());

subcommand("list", "Shows every tool, whether it is approved, and what is suspicious about it.")
  .addOption(jsonOption())
  .action(async (names: string[], { stack, json = false }) => list(await load(names, stack), json));
subcommand("diff", "Shows what differs from the tool locks; exit code 1 if anything does.")
  .addOption(jsonOption())
  .action(async (names: string[], { stack, json = false }) => {
    if (diff(await load(names, stack), stack, json)) process.exitCode = 1;
  });
subcommand("approve", "Shows what differs and writes it into the tool locks: read it before the next npm run up.")
  .option("--all", "every server that lists something")
  .option("--accept-suspicious", "approve what is marked as suspicious as well")
  .action(async (names: string[], { stack, all, acceptSuspicious = false }) => {
    if (!names.length && !all) throw new Error("approve: name the servers, or say --all");
    await approve(await load(all ? [] : names, stack), acceptSuspicious, stack);
  });

await main(import.meta.filename, program);
