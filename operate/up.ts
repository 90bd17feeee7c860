import pc from "picocolors";
import { command, main, prepared, stackArguments, stackOption } from "./command.ts";
import { deploy } from "./deploy.ts";
import { Pulumi } from "./deployed-stack.ts";
import { beforeMove, moveIsChecked, refuseHalfBack, withWayBack } from "./move/before-move.ts";
import type { Plan } from "./preview/plan.ts";
import { deployAndRepair, lookAgain } from "./recovery/recover.ts";
import { copyExample } from "./stack-file.ts";
import { check, type Checked, summary } from "./verify.ts";

interface Options {
  readonly stack: string;
  readonly refresh?: true;
  /** Before LiteLLM's image is moved to another. */
  readonly backup: boolean;
}

async function up({ stack, refresh, backup }: Options): Promise<void> {
  const pulumi = await Pulumi.open(stack);
  await refuseHalfBack(pulumi);
  const { checked, isNew } = await deployAndCheck(pulumi, refresh === true, backup).catch(async (error: Error) => {
    throw await withWayBack(pulumi, error);
  });
  await moveIsChecked(pulumi);
  const { gateway, models, grafana } = await pulumi.outputs();
  console.log(summary(checked));
  console.log(`MCP gateway   ${pc.bold(gateway)}   (streamable HTTP)\nModels        ${models}`);
  if (grafana !== undefined) console.log(`Grafana       ${grafana}   (on the host itself; user admin)`);
  if (isNew) console.log(nextSteps(stack, grafana !== undefined));
}

async function deployAndCheck(pulumi: Pulumi, refresh: boolean, backup: boolean) {
  const early = new AbortController();
  let checked: Promise<Checked> | undefined;
  // Mostly nothing is to be changed: what is there is checked while that is found out, which takes as long.
  const beside = () => {
    checked = check(pulumi, early.signal);
    // Where it is asked for, it is heard.
    checked.catch(() => {});
  };
  const beforeChange = (plan: Plan) => {
    early.abort();
    return beforeMove(pulumi, plan, backup);
  };
  const isNew = await deployAndRepair(pulumi, { refresh, beforeChange, beside }).catch((error: Error) => {
    early.abort();
    throw error;
  });
  return { isNew, checked: isNew ? await check(pulumi) : await checkOrRepair(pulumi, checked) };
}

/**
 * The gateway check of a stack in which nothing was to be changed. Where it fails, the host is not as the state says: what
 * differs there is looked up and deployed again.
 */
async function checkOrRepair(pulumi: Pulumi, begun = check(pulumi)): Promise<Checked> {
  try {
    return await begun;
  } catch (error) {
    console.error(`${pc.red((error as Error).message)}\n`);
    console.error(pc.yellow("By its state all of it is deployed. What is different on the host is looked up:"));
    await lookAgain(pulumi);
    if (!(await deploy(pulumi))) throw new Error("Nothing that could be repaired differs: see above", { cause: error });
    return await check(pulumi);
  }
}

function nextSteps(stack: string, grafana: boolean): string {
  const options = stackArguments(stack);
  return `Keys          encrypted in the stack; to read them:
                eval "$(npm run --silent env)"   ${pc.dim("# pulumi and its settings for this shell")}
                pulumi stack output clientKeys --show-secrets --stack ${stack}${
                  grafana ? `\n                pulumi stack output grafanaPassword --show-secrets --stack ${stack}` : ""
                }
Next          npm run clients${options}   ${pc.dim("# files for Claude Code, Gemini CLI, Codex, VS Code, Open WebUI")}
              npm run verify${options}   ${pc.dim("# go through the testing plan: tools, models, records, refusals")}
              npm run preview${options}   ${pc.dim(`# what a change of Pulumi.${stack}.yaml or mcp/ would do`)}
              npm run down${options}   ${pc.dim("# destroy everything of this stack")}`;
}

await main(
  import.meta.filename,
  command("up", "Deploys a stack and proves it: every tool is listed, one of each server called, through the gateway.")
    .addOption(stackOption("stack to deploy"))
    .option("--refresh", "look at each thing on the host first: a limit that somebody has changed, a right of a key")
    .option("--no-backup", "no backup before LiteLLM's image is moved to another; then npm run rollback cannot go back")
    .option("--yes", "install missing system packages without asking")
    // First: the file says what has to be prepared.
    .hook("preAction", (_program, action) => copyExample(action.opts<{ stack: string }>().stack))
    .hook("preAction", prepared("host"))
    .action(up),
);
