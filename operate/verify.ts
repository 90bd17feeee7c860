import Table from "cli-table3";
import { Command } from "commander";
import pc from "picocolors";
import { checkGateway } from "../components/gateway/check/check-gateway.ts";
import { Pulumi } from "./deployed-stack.ts";

/**
 * Runs the deployed stack's gateway check now, and shows what each server lists. `pulumi up` itself runs it only when
 * something changed; a server may have died since.
 */
export async function verify(pulumi: Pulumi, stack: string): Promise<void> {
  const inputs = await pulumi.gatewayCheck();
  if (!inputs) throw new Error(`stack ${stack} is not deployed: npm run up -- --stack ${stack}`);
  const tools = await checkGateway(inputs);
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
      `Listed and called just now through ${inputs.gatewayUrl}/mcp/, with the key of every client (${inputs.clients.map(({ name }) => name).join(", ")}).`,
    ),
  );
}

if (import.meta.filename === process.argv[1]) {
  const { stack } = new Command("npm run verify --")
    .description("Lists and calls the tools of a deployed stack again, with the keys of its clients.")
    .option("--stack <name>", "stack to look at", "local")
    .parse()
    .opts<{ stack: string }>();
  try {
    await verify(await Pulumi.open(stack), stack);
  } catch (error) {
    console.error(pc.red((error as Error).message));
    process.exitCode = 1;
  }
}
