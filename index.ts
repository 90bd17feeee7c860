import * as pulumi from "@pulumi/pulumi";
import { deploy } from "./components/deployment.ts";
import { labelResources, stackIdentity } from "./components/stack-identity.ts";
import { guardLan } from "./guards/lan-guard.ts";
import { openPostgresTunnel, TunnelError } from "./components/postgres/postgres-tunnel.ts";
import { PreflightError, preflight } from "./guards/preflight.ts";
import { loadSettings } from "./settings/load.ts";
import { SettingsError } from "./settings/problems.ts";
import { ENDING_VARIABLE, WARNED_VARIABLE } from "./settings/settings.ts";
import { readSalt, readStack } from "./settings/stack-file.ts";

// Pulumi looks at where each resource is made, and has its stack traces go through every source map on the way. Node runs this
// program as it is written, so no line is found that way: it is a fifth of each run for nothing.
Reflect.deleteProperty(Error, "prepareStackTrace");

const stack = readStack();
const stackFile = `Pulumi.${pulumi.getStack()}.yaml`;
const written = await checked(() =>
  loadSettings({
    stackFile,
    config: stack.config,
    secretNames: stack.secretNames,
    mcpDir: "mcp",
  }),
);
await warn(written.warnings);
const identity = await stackIdentity(readSalt(stackFile));
const { settings, warnings } = await checked(() =>
  preflight(written, identity.own, stack.secret, { isEnding: process.env[ENDING_VARIABLE] !== undefined }),
);
await warn(warnings);
await checked(() => openPostgresTunnel(settings));

labelResources(identity);
// The stack's outputs. Were they exports by name, each that a stack does not have would be a warning of Pulumi.
export default guardLan(settings, () => deploy(settings, stack.secret));

async function warn(warnings: readonly string[]): Promise<void> {
  if (process.env[WARNED_VARIABLE] !== undefined) return;
  for (const warning of warnings) await pulumi.log.warn(warning);
}

/** What the user can fix is shown as its message alone; any other error keeps its stack. */
async function checked<T>(check: () => T | Promise<T>): Promise<T> {
  try {
    return await check();
  } catch (error) {
    if (![SettingsError, PreflightError, TunnelError].some((kind) => error instanceof kind)) throw error;
    throw new pulumi.RunError((error as Error).message);
  }
}
