import path from "node:path";
import Table from "cli-table3";
import { Command } from "commander";
import pc from "picocolors";
import { type Listing, listTools } from "../components/gateway/check/listing.ts";
import { mayCall } from "../ingress/rights.ts";
import { OLDEST_VERSION } from "../settings/litellm-versions.ts";
import { Problems } from "../settings/problems.ts";
import { readServerFolders, type ServerFolder } from "../settings/resolve/server-folder.ts";
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
import { Pulumi } from "./deployed-stack.ts";
import { replaceFile } from "../lib/replace-file.ts";

/** One server as its folder and the gateway show it. */
export interface Server {
  readonly name: string;
  /** Absolute path of its folder. */
  readonly folder: string;
  readonly lock: ToolLock | undefined;
  readonly listed: readonly Tool[];
  readonly changes: readonly ToolChange[];
  /** Of its lock, what is listed to nobody because no client may call it: it cannot be compared. */
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
  folders: readonly Pick<ServerFolder, "name" | "folder" | "lock">[],
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
    .map(({ name, folder, lock }) => {
      const listed = listing.get(name)!;
      const isUnseen = (tool: string) => !maySee(name, tool) && !listed.some((one) => one.name === tool);
      return {
        name,
        folder,
        lock,
        listed,
        changes: toolChanges(lock ?? {}, listed, (tool) => maySee(name, tool)),
        unseen: Object.fromEntries(Object.entries(lock ?? {}).filter(([tool]) => isUnseen(tool))),
      };
    });
}

const heading = ({ name, lock, changes }: Server) => {
  const state = lock ? (changes.length ? "differs from" : "is as in") : "has no";
  return `${pc.bold(name)} ${state} mcp/${name}/${TOOL_LOCK_FILE}`;
};

function list(servers: readonly Server[]): void {
  const noRules = { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" };
  const table = new Table({
    head: ["MCP server", "tool", "", "description"],
    style: { head: [], border: [] },
    chars: noRules,
    colWidths: [null, null, null, 110],
  });
  for (const { name, lock, listed, changes } of servers) {
    for (const tool of listed) {
      const change = changes.find((one) => nameOf(one) === tool.name);
      const state = !change ? "approved" : change.kind === "added" ? (lock ? "added" : "not approved") : "changed";
      table.push([name, visible(tool.name), state, firstLine(tool.description)]);
    }
    for (const change of changes)
      if (change.kind === "removed") table.push([name, visible(change.name), "removed", ""]);
  }
  console.log(table.toString());
  for (const { name, listed } of servers) {
    for (const tool of listed) {
      const suspicions = suspicionsOf(tool);
      if (suspicions.length)
        console.log(pc.yellow(`${name}, ${visible(tool.name)}\n${describeSuspicions(suspicions)}`));
    }
  }
}

/** Shows what differs; whether anything does. */
function diff(servers: readonly Server[], stack: string): boolean {
  for (const server of servers) {
    console.log(heading(server));
    if (server.changes.length)
      console.log(
        `${describeChanges(server.changes, "whole")}\n  Approve it:  ${approveCommand([server.name], stack)}`,
      );
  }
  return servers.some(({ changes }) => changes.length);
}

/** Shows what differs and writes it into the locks; a server with suspicious changes is left as it is unless `acceptSuspicious`. */
async function approve(servers: readonly Server[], acceptSuspicious: boolean, stack: string): Promise<void> {
  const refused: string[] = [];
  let written = 0;
  for (const server of servers) {
    const { name, folder, listed, changes, unseen } = server;
    console.log(heading(server));
    if (!changes.length && server.lock) continue;
    console.log(describeChanges(changes, "whole"));
    const suspicious = [...suspicionsAmong(changes).keys()].map(visible);
    if (suspicious.length && !acceptSuspicious) {
      refused.push(
        `${name}: not approved, suspicious: ${suspicious.join(", ")}. Read the lines with ! above; if that is how the server has to be: ${approveCommand([name], stack)} --accept-suspicious`,
      );
      continue;
    }
    try {
      await replaceFile(path.join(folder, TOOL_LOCK_FILE), writeToolLock(listed, unseen));
    } catch (error) {
      throw new Error(`${name}: not approved, ${visible((error as Error).message)}`, { cause: error });
    }
    written += 1;
    console.log(pc.green(`  approved: mcp/${name}/${TOOL_LOCK_FILE}`));
  }
  if (written) console.log(`\nNext  npm run up${stack === "local" ? "" : ` -- --stack ${stack}`}`);
  if (refused.length) throw new Error(refused.join("\n"));
}

/** What the gateway of a stack lists now, beside the folders under mcp/. */
async function load(names: readonly string[], stack: string): Promise<Server[]> {
  const { gatewayUrl, clients } = await (await Pulumi.existing(stack)).rights();
  // What else is wrong with a server.yaml is for `up` to say; a lock that cannot be read is replaced by one that can.
  const folders = readServerFolders(path.join(projectRoot, "mcp"), OLDEST_VERSION, new Problems());
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

if (import.meta.filename === process.argv[1]) {
  const program = new Command("npm run tools --").description(
    `Compares the tools that the gateway lists with those that were approved (mcp/<server>/${TOOL_LOCK_FILE}).`,
  );
  const command = (name: string, description: string) =>
    program
      .command(name)
      .description(description)
      .argument("[server...]", "folders under mcp/; all that list something when none is named")
      .option("--stack <name>", "stack to ask", "local");
  command("list", "Shows every tool, whether it is approved, and what is suspicious about it.").action(
    async (names: string[], { stack }) => list(await load(names, stack)),
  );
  command("diff", "Shows what differs from the locks; exit code 1 if anything does.").action(
    async (names: string[], { stack }) => {
      if (diff(await load(names, stack), stack)) process.exitCode = 1;
    },
  );
  command("approve", "Shows what differs and writes it into the locks: read it before the next npm run up.")
    .option("--all", "every server that lists something")
    .option("--accept-suspicious", "approve what is marked as suspicious as well")
    .action(async (names: string[], { stack, all, acceptSuspicious = false }) => {
      if (!names.length && !all) throw new Error("approve: name the servers, or say --all");
      await approve(await load(all ? [] : names, stack), acceptSuspicious, stack);
    });
  try {
    await program.parseAsync();
  } catch (error) {
    console.error(pc.red((error as Error).message));
    process.exitCode = 1;
  }
}
