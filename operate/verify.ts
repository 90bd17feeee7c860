import Table from "cli-table3";
import pc from "picocolors";
import { checkGateway } from "../components/gateway/check/check-gateway.ts";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";

/** What the gateway check has found good. */
export interface Checked {
  readonly gatewayUrl: string;
  /** Names of the clients with whose keys it was done. */
  readonly clients: readonly string[];
  /** Tools by server. */
  readonly tools: Readonly<Record<string, readonly string[]>>;
}

/**
 * Runs the deployed stack's gateway check now. `pulumi up` itself runs it only when something changed, and an MCP server may
 * have died since.
 *
 * @throws Error that says what is wrong.
 */
export async function check(pulumi: Pulumi): Promise<Checked> {
  const inputs = await pulumi.gatewayCheck();
  if (!inputs) throw notDeployed(pulumi.stack);
  const tools = await checkGateway(inputs);
  return { gatewayUrl: inputs.gatewayUrl, clients: inputs.clients.map(({ name }) => name), tools };
}

/** In two lines what was found good. */
export function summary({ gatewayUrl, clients, tools }: Checked): string {
  const servers = Object.entries(tools).sort();
  const counts = servers.map(([name, { length }]) => `${name} ${length}`).join(", ");
  const all = servers.flatMap(([, names]) => names).length;
  return `${pc.green(`Listed and called just now through ${gatewayUrl}/mcp/, with the key of every client (${clients.join(", ")}):`)}
${servers.length} MCP servers, ${all} tools: ${counts}`;
}

async function verify({ stack, json }: { readonly stack: string; readonly json?: true }): Promise<void> {
  const checked = await check(await Pulumi.existing(stack));
  if (json) {
    printJson(checked);
    return;
  }
  const { gatewayUrl, clients, tools } = checked;
  const table = new Table({
    head: ["MCP server", "tools", ""],
    style: { head: [], border: [] },
    colWidths: [null, null, 70],
    wordWrap: true,
  });
  for (const [server, names] of Object.entries(tools).sort()) table.push([server, names.length, names.join(", ")]);
  console.log(table.toString());
  console.log(
    pc.green(
      `Listed and called just now through ${gatewayUrl}/mcp/, with the key of every client (${clients.join(", ")}).`,
    ),
  );
}

await main(
  import.meta.filename,
  command("verify", "Lists and calls the tools of a deployed stack again, with the keys of its clients.")
    .addOption(stackOption())
    .addOption(jsonOption())
    .hook("preAction", prepared("pulumi"))
    .action(verify),
);
