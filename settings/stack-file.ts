import { existsSync, readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import { isMap } from "../lib/is-map.ts";
import { NAMESPACE } from "./schemas/stack-schema.ts";

/** The settings of this program in the stack's file. */
export interface Stack {
  /** Values by key, without `secrets`; what `loadSettings` takes. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly secretNames: readonly string[];
  /** A value under `litellm-mcp:secrets`; throws when there is none of that name. */
  readonly secret: (name: string) => pulumi.Output<string>;
}

/**
 * Whether any value under a key is encrypted. `pulumi.Config` asks the same function, but only prints a warning. The
 * SDK's types do not have it.
 */
const { isConfigSecret } = pulumi.runtime as unknown as { isConfigSecret: (fullKey: string) => boolean };

/** The one place that reads Pulumi's configuration. Values of secrets leave it as secret Outputs only. */
export function readStack(): Stack {
  const config: Record<string, unknown> = {};
  let secretNames: string[] = [];
  for (const [fullKey, text] of Object.entries(pulumi.runtime.allConfig())) {
    const [namespace, key = ""] = fullKey.split(":", 2);
    if (namespace !== NAMESPACE) continue;
    const encrypted = isConfigSecret(fullKey);
    const value = structured(text);
    if (key === "secrets" && encrypted && isMap(value)) secretNames = Object.keys(value).sort();
    else config[key] = encrypted ? Symbol("an encrypted value; only litellm-mcp:secrets is for secrets") : value;
  }

  const secrets = () => new pulumi.Config(NAMESPACE).requireSecretObject<Record<string, unknown>>("secrets");
  const secret = (name: string) => {
    if (!secretNames.includes(name)) throw new Error(`No secret ${NAMESPACE}:secrets.${name} in this stack`);
    return secrets().apply((values) => String(values[name]));
  };
  return { config, secretNames, secret };
}

/**
 * The random salt, or the encrypted key, that Pulumi writes into a stack's file when it makes the stack. It tells apart
 * two stacks that have the same name. Empty with Pulumi Cloud, which keeps the key and gives every stack a name that no
 * other has; empty also when the file has another name (`--config-file`).
 */
export function readSalt(stackFile: string): string {
  if (!existsSync(stackFile)) return "";
  const { encryptionsalt, encryptedkey } = (parse(readFileSync(stackFile, "utf8")) ?? {}) as Record<
    string,
    string | undefined
  >;
  return encryptionsalt ?? encryptedkey ?? "";
}

/** Structured values arrive as JSON, everything else as its text. */
function structured(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    // A plain text that begins like JSON. The schema of its key says what it should be.
    return text;
  }
}
