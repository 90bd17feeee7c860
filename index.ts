import * as pulumi from "@pulumi/pulumi";
import { deploy } from "./components/deployment.ts";
import { preflight } from "./components/preflight.ts";
import { loadSettings } from "./settings/load.ts";
import { readStack } from "./settings/pulumi.ts";

const stack = readStack();
const settings = loadSettings({
  stackFile: `Pulumi.${pulumi.getStack()}.yaml`,
  config: stack.config,
  secretNames: stack.secretNames,
  mcpDir: "mcp",
});
for (const warning of settings.warnings) await pulumi.log.warn(warning);
await preflight(settings, stack.secret);

export const { gateway, models, tools, clientKeys, masterKey } = deploy(settings, stack.secret);
