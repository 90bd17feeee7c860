import { Command } from "commander";
import pc from "picocolors";
import { Pulumi } from "./deployed-stack.ts";
import { verify } from "./verify.ts";

const { stack } = new Command("npm run up --")
  .description("Deploys a stack and proves it: every tool is listed, one of each server called, through the gateway.")
  .option("--stack <name>", "stack to deploy", "local")
  .option("--yes", "install missing system packages without asking")
  .parse()
  .opts<{ stack: string }>();

const pulumi = await Pulumi.open(stack);
const exitCode = await pulumi.up();
if (exitCode !== 0) {
  console.error(
    pc.red("\nNot deployed: read the message above, mend it and run the command again; what is in place stays."),
  );
  process.exit(exitCode);
}
console.log();
try {
  await verify(pulumi, stack);
} catch (error) {
  console.error(pc.red((error as Error).message));
  process.exit(1);
}

const { gateway, models } = (await pulumi.outputs()) as { gateway: string; models: string };
const option = stack === "local" ? "" : ` -- --stack ${stack}`;
console.log(`
MCP gateway   ${pc.bold(gateway)}   (streamable HTTP)
Models        ${models}
Keys          encrypted in the stack; to read them:
                eval "$(npm run --silent env)"   ${pc.dim("# pulumi and its settings for this shell")}
                pulumi stack output clientKeys --show-secrets --stack ${stack}
Next          npm run clients${option}   ${pc.dim("# files for Claude Code, Gemini CLI, Codex, VS Code, Open WebUI")}
              npm run verify${option}   ${pc.dim("# list and call every server again")}
              pulumi preview --stack ${stack}   ${pc.dim(`# what a change of Pulumi.${stack}.yaml or mcp/ would do`)}
              npm run down${option}   ${pc.dim("# destroy everything of this stack")}
`);
