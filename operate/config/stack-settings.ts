import path from "node:path";
import { isMap } from "../../lib/is-map.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { loadSettings } from "../../settings/load.ts";
import { NAMESPACE } from "../../settings/schemas/stack-schema.ts";
import type { Settings } from "../../settings/settings.ts";
import { configIn, readStackFile } from "./stack-config.ts";

export interface StackSettings {
  /** As messages call it. */
  readonly file: string;
  /** What is written there, by key, without `litellm-mcp:`. */
  readonly written: Readonly<Record<string, unknown>>;
  readonly settings: Settings;
}

/**
 * A stack's settings as `up` reads them, from its file: the stack need not be deployed, and nobody is asked for a
 * passphrase, because values of secrets are not read.
 *
 * @param folder Where the stack's file and `mcp/` are.
 * @throws Error when there is no such file, SettingsError with everything that is wrong in it.
 */
export function settingsOfStack(stack: string, folder = projectRoot): StackSettings {
  const { file, text } = readStackFile(stack, folder);
  return settingsIn(text, file, folder);
}

/** The same of a text that is in no file yet. */
export function settingsIn(text: string, file: string, folder = projectRoot): StackSettings {
  const written: Record<string, unknown> = {};
  let secretNames: string[] = [];
  for (const [fullKey, value] of Object.entries(configIn(text))) {
    const [namespace, key = ""] = fullKey.split(":", 2);
    if (namespace !== NAMESPACE) continue;
    if (key === "secrets" && isMap(value) && Object.values(value).every(isEncrypted))
      secretNames = Object.keys(value).sort();
    else
      written[key] = hasEncrypted(value)
        ? Symbol("an encrypted value; only litellm-mcp:secrets is for secrets")
        : value;
  }
  const settings = loadSettings({ stackFile: file, config: written, secretNames, mcpDir: path.join(folder, "mcp") });
  return { file, written, settings };
}

/** As Pulumi stores a value that is encrypted. */
const isEncrypted = (value: unknown) => isMap(value) && typeof value["secure"] === "string";

const hasEncrypted = (value: unknown): boolean =>
  isEncrypted(value) || (typeof value === "object" && value !== null && Object.values(value).some(hasEncrypted));
