import pc from "picocolors";
import { step } from "../bootstrap/steps.ts";
import type { Pulumi } from "./deployed-stack.ts";
import { type FailedBuild, failedBuilds, whyNotBuilt } from "./failed-builds.ts";
import { refuseElsewhere } from "./move/elsewhere.ts";
import { moveIn, shownMove } from "./move/moved-image.ts";
import type { Plan } from "./preview/plan.ts";
import { showPlan } from "./preview/show.ts";

/** Of each text that differs; `npm run preview` shows all. */
const SHOWN_LINES = 20;

/** An `up` that ended in the middle. */
export class NotDeployed extends Error {
  /** URNs of what it was about to change. */
  readonly planned: ReadonlySet<string>;

  constructor({ changes }: Plan) {
    super("\nNot deployed: read the message above, fix it and run the command again; what is in place stays.");
    this.planned = new Set(changes.map(({ urn }) => urn));
  }
}

/** Called when it was shown what will change, and nothing has yet; an error keeps it so. */
export type BeforeChange = (plan: Plan) => Promise<void>;

/** Only `up` moves LiteLLM to another image: it makes a backup, without which there is no way back. */
const refuseMove: BeforeChange = (plan) => {
  const move = moveIn(plan);
  return move
    ? Promise.reject(
        new Error(
          `\nNot deployed: the settings name another image of LiteLLM (${shownMove(move)}). First deploy that with npm run up, which makes a backup before, or ` +
            "write the image as it was",
        ),
      )
    : Promise.resolve();
};

/**
 * Deploys what the settings say otherwise than the state, and says before what that is.
 *
 * @param replace URNs of resources that are replaced, and with them whatever depends on them.
 * @returns Whether something was deployed.
 * @throws NotDeployed when it ended in the middle; Error that says what is wrong when nothing was changed.
 */
export async function deploy(
  pulumi: Pick<Pulumi, "stack" | "preview" | "onRecord" | "held" | "up">,
  replace: readonly string[] = [],
  beforeChange: BeforeChange = refuseMove,
): Promise<boolean> {
  const plan = await step("compare the settings with what is deployed", () => pulumi.preview(replace));
  for (const warning of plan.warnings) console.error(pc.yellow(`Warning: ${warning}`));
  if (plan.errors.length)
    throw new Error(`${plan.errors.join("\n")}\n\nNot deployed: fix it and run the command again.`);
  console.log(showPlan(plan, SHOWN_LINES));
  if (!plan.changes.length && !plan.isStateOld) return false;

  await refuseElsewhere(pulumi, plan);
  await beforeChange(plan);
  if ((await pulumi.up(replace)) === 0) return true;
  for (const build of await failedBuilds()) console.error(showBuild(build));
  const why = await whyNotBuilt(await pulumi.onRecord(), plan);
  if (why !== undefined) console.error(`${pc.red(why)}\n`);
  throw new NotDeployed(plan);
}

const showBuild = ({ name, step, lines }: FailedBuild) =>
  `${pc.red(`The image of ${name} could not be built`)}: ${step}\n${lines.map((line) => `  ${line}`).join("\n")}\n`;
