// node install-official.mjs <directory>: Pulumi's own installer for the CLI that fits this project's @pulumi/pulumi. A process
// of its own, because the installer takes no time limit.
import { PulumiCommand } from "@pulumi/pulumi/automation/index.js";

try {
  await PulumiCommand.install({ root: String(process.argv[2]) });
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exit(1);
}
