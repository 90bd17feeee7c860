import { readdirSync } from "node:fs";
import { loadSettings } from "../settings/load.ts";
import type { Settings } from "../settings/settings.ts";

/** One of each kind: native, wrapped Python, wrapped npm, one with internet access, one with a volume. */
const SERVERS = ["fetch", "git", "memory", "postgres", "time"];

/** The settings of a small stack with some of the folders under mcp/. Run from the project's root. */
export const testSettings = (config: Record<string, unknown> = {}, secretNames: readonly string[] = []): Settings =>
  loadSettings({
    stackFile: "Pulumi.test.yaml",
    config: {
      docker: { host: "unix:///var/run/docker.sock" },
      lan: { address: "192.168.1.10" },
      ...config,
      servers: { ...others(), ...asMap(config["servers"]) },
    },
    secretNames,
    mcpDir: "mcp",
  });

/** The other servers are off, so that a new one in the catalogue changes no test. */
const others = () =>
  Object.fromEntries(
    readdirSync("mcp")
      .filter((name) => !name.startsWith("_") && !SERVERS.includes(name))
      .map((name) => [name, { enabled: false }]),
  );

const asMap = (value: unknown) => (value ?? {}) as Record<string, unknown>;
