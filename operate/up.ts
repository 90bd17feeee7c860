import Table from "cli-table3";
import { Command } from "commander";
import pc from "picocolors";
import { Pulumi } from "./pulumi.ts";

const { stack } = new Command("npm run up --")
  .description("Deploys a stack and proves it: every tool is listed and called through the gateway.")
  .option("--stack <name>", "stack to deploy", "local")
  .option("--yes", "install missing system packages without asking")
  .parse()
  .opts<{ stack: string }>();

const pulumi = await Pulumi.open(stack);
const exitCode = await pulumi.up();
if (exitCode !== 0) {
  console.error(pc.red(`\nNot deployed: read the message above, mend it and run the command again; what is in place stays.`));
  process.exit(exitCode);
}

const { gateway, models, tools } = (await pulumi.outputs()) as { gateway: string; models: string; tools: Record<string, string[]> };
const table = new Table({ head: ["MCP server", "tools", ""], style: { head: [], border: [] }, colWidths: [null, null, 70], wordWrap: true });
for (const [server, names] of Object.entries(tools).sort()) table.push([server, names.length, names.join(", ")]);
const stackOption = stack === "local" ? "" : ` -- --stack ${stack}`;
console.log(`
${pc.green("Every server below was listed and called through the gateway, with the key of every client.")}
${table.toString()}
MCP gateway   ${pc.bold(gateway)}   (streamable HTTP; keep the slash at the end)
Models        ${models}
Keys          encrypted in the stack; to read them:
                eval "$(npm run --silent env)"    ${pc.dim("# pulumi and its settings for this shell")}
                pulumi stack output clientKeys --show-secrets --stack ${stack}
Next          pulumi preview --stack ${stack}     ${pc.dim("# what a change of Pulumi." + stack + ".yaml or mcp/ would do")}
              npm run down${stackOption}                 ${pc.dim("# destroy everything of this stack")}
`);
