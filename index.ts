import * as pulumi from "@pulumi/pulumi";
import { deploy } from "./components/deployment.ts";
import { guardLan } from "./components/lan-guard.ts";
import { openPostgresTunnel, TunnelError } from "./components/postgres-tunnel.ts";
import { PreflightError, preflight } from "./components/preflight.ts";
import { loadSettings } from "./settings/load.ts";
import { SettingsError } from "./settings/problems.ts";
import { readStack } from "./settings/pulumi.ts";

const stack = readStack();
const settings = await checked(() =>
  loadSettings({
    stackFile: `Pulumi.${pulumi.getStack()}.yaml`,
    config: stack.config,
    secretNames: stack.secretNames,
    mcpDir: "mcp",
  }),
);
for (const warning of settings.warnings) await pulumi.log.warn(warning);
await checked(() => preflight(settings, stack.secret));
await checked(() => openPostgresTunnel(settings));

export const { gateway, models, tools, clientKeys, masterKey } = guardLan(settings, () => deploy(settings, stack.secret));

/** What the user can mend is shown as its message alone; any other error keeps its stack. */
async function checked<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (![SettingsError, PreflightError, TunnelError].some((kind) => error instanceof kind)) throw error;
    const { message } = error as Error;
    const shown = new pulumi.RunError(message);
    // Pulumi formats the stack it does not show, through every source map on the way: many seconds for nothing.
    shown.stack = message;
    throw shown;
  }
}
