import { type Context, stackPath } from "../context.ts";
import type { ScheduledCheckConfig } from "../schemas/scheduled-check-schema.ts";
import { type ScheduledCheckSettings, type ServerSettings, SCHEDULED_CHECK_CLIENT } from "../settings.ts";
import { outsideLanAdvice } from "./outside-lan.ts";

/** Refuses an address outside of the LAN that nobody has accepted; notes the secret. Undefined: none is made. */
export function resolveScheduledCheck(
  { enabled, minutes, alert }: ScheduledCheckConfig,
  servers: readonly ServerSettings[],
  namePrefix: string,
  { stackFile, problems, usedSecrets }: Context,
): ScheduledCheckSettings | undefined {
  const advice = alert && outsideLanAdvice(alert.url, alert.acceptRisks);
  if (advice !== undefined) problems.add(stackFile, stackPath("scheduledCheck", "alert", "url"), alert?.url, advice);
  if (alert?.header) usedSecrets.add(alert.header.secret);
  if (!enabled) return undefined;
  const checked = servers.filter(({ check, cost }) => check && !isPaid(cost, check.tool));
  return {
    minutes,
    alert: alert && { url: alert.url, header: alert.header },
    container: `${namePrefix}scheduled-check`,
    volume: `${namePrefix}scheduled-check-state`,
    client: {
      name: SCHEDULED_CHECK_CLIENT,
      servers: checked.map(({ name }) => name),
      rules: Object.fromEntries(checked.map((server) => [server.name, ruleOf(server)])),
      models: [],
      // It asks one thing after the other, and opens a session for each.
      parallel: 8,
      ...{ rpm: undefined, tpm: undefined, budget: undefined, budgetPeriod: undefined },
    },
  };
}

/** Nobody wants to pay for a hundred calls a day. */
const isPaid = (cost: ServerSettings["cost"], tool: string) => (cost?.tools[tool] ?? cost?.perCall ?? 0) > 0;

/** The one tool, and another that is denied: a call of it has to fail in each run, which one of no tool would anyway. */
function ruleOf({ check, toolLock }: ServerSettings) {
  const allowed = check!.tool;
  return {
    allow: [allowed],
    deny: Object.keys(toolLock ?? {})
      .filter((tool) => tool !== allowed)
      .slice(0, 1),
  };
}
