import pc from "picocolors";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { Pulumi } from "./deployed-stack.ts";
import { upAndRepair } from "./recovery/recover.ts";
import { copyExample } from "./stack-file.ts";
import { verify } from "./verify.ts";

async function up({ stack }: { readonly stack: string }): Promise<void> {
  const pulumi = await Pulumi.open(stack);
  const exitCode = await upAndRepair(pulumi);
  if (exitCode !== 0) {
    console.error(
      pc.red("\nNot deployed: read the message above, fix it and run the command again; what is in place stays."),
    );
    process.exitCode = exitCode;
    return;
  }
  console.log();
  await verify(pulumi);

  const { gateway, models } = await pulumi.outputs();
  const options = stackArguments(stack);
  console.log(`
MCP gateway   ${pc.bold(gateway)}   (streamable HTTP)
Models        ${models}
Keys          encrypted in the stack; to read them:
                eval "$(npm run --silent env)"   ${pc.dim("# pulumi and its settings for this shell")}
                pulumi stack output clientKeys --show-secrets --stack ${stack}
Next          npm run clients${options}   ${pc.dim("# files for Claude Code, Gemini CLI, Codex, VS Code, Open WebUI")}
              npm run verify${options}   ${pc.dim("# list and call every server again")}
              pulumi preview --stack ${stack}   ${pc.dim(`# what a change of Pulumi.${stack}.yaml or mcp/ would do`)}
              npm run down${options}   ${pc.dim("# destroy everything of this stack")}
`);
}

await main(
  import.meta.filename,
  command("up", "Deploys a stack and proves it: every tool is listed, one of each server called, through the gateway.")
    .addOption(stackOption("stack to deploy"))
    .option("--yes", "install missing system packages without asking")
    // First: the file says what has to be prepared.
    .hook("preAction", (_program, action) => copyExample(action.opts<{ stack: string }>().stack))
    .hook("preAction", prepared("host"))
    .action(up),
);
