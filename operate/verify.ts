import Table from "cli-table3";
import pc from "picocolors";
import { checkGateway } from "../components/gateway/check/check-gateway.ts";
import { command, jsonOption, main, prepared, printJson, stackOption } from "./command.ts";
import { notDeployed, Pulumi } from "./deployed-stack.ts";

/**
 * Runs the deployed stack's gateway check now, and shows what each server lists. `pulumi up` itself runs it only when
 * something changed, and an MCP server may have died since.
 */
export async function verify(pulumi: Pulumi, { json = false } = {}): Promise<void> {
  const inputs = await pulumi.gatewayCheck();
  if (!inputs) throw notDeployed(pulumi.stack);
  const tools = await checkGateway(inputs);
  const { gatewayUrl } = inputs;
  const clients = inputs.clients.map(({ name }) => name);
  if (json) {
    printJson({ gatewayUrl, clients, tools });
    return;
  }
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
    .action(async ({ stack, json }: { stack: string; json?: true }) => verify(await Pulumi.existing(stack), { json })),
);
