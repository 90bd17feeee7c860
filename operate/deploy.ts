import pc from "picocolors";
import { step } from "../bootstrap/steps.ts";
import type { Pulumi } from "./deployed-stack.ts";
import { showPlan } from "./preview/show.ts";

/** Of each text that differs; `npm run preview` shows all. */
const SHOWN_LINES = 20;

/**
 * Deploys what the settings say otherwise than the state, and says before what that is.
 *
 * @param replace URNs of resources that are replaced, and with them whatever depends on them.
 * @returns Whether something was deployed.
 * @throws Error that says what is wrong, and whether anything was changed.
 */
export async function deploy(pulumi: Pulumi, replace: readonly string[] = []): Promise<boolean> {
  const plan = await step("compare the settings with what is deployed", () => pulumi.preview(replace));
  for (const warning of plan.warnings) console.error(pc.yellow(`Warning: ${warning}`));
  if (plan.errors.length)
    throw new Error(`${plan.errors.join("\n")}\n\nNot deployed: fix it and run the command again.`);
  console.log(showPlan(plan, SHOWN_LINES));
  if (!plan.changes.length && !plan.isStateOld) return false;

  if ((await pulumi.up(replace)) !== 0)
    throw new Error(
      "\nNot deployed: read the message above, fix it and run the command again; what is in place stays.",
    );
  return true;
}
