import { loadSettings } from "../settings/load.ts";
import type { Settings } from "../settings/settings.ts";

/** The settings of a small stack with the real folders under mcp/. Run from the project's root. */
export const testSettings = (config: Record<string, unknown> = {}, secretNames: readonly string[] = []): Settings =>
  loadSettings({
    stackFile: "Pulumi.test.yaml",
    config: { docker: { host: "unix:///var/run/docker.sock" }, lan: { address: "192.168.1.10" }, ...config },
    secretNames,
    mcpDir: "mcp",
  });
