import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../lib/project-root.ts";

export interface StackFile {
  /** As messages call it. */
  readonly file: string;
  readonly text: string;
}

/**
 * The file with a stack's settings.
 *
 * @throws Error when there is none.
 */
export function readStackFile(stack: string, folder = projectRoot): StackFile {
  const file = `Pulumi.${stack}.yaml`;
  const location = path.join(folder, file);
  if (!existsSync(location)) throw new Error(`unknown stack ${stack}: there is no ${file}`);
  return { file, text: readFileSync(location, "utf8") };
}

/** What such a file says below `config:`, by full key, for example `litellm-mcp:lan`. */
export function configIn(text: string): Readonly<Record<string, unknown>> {
  const { config } = (parse(text) ?? {}) as { config?: Record<string, unknown> | null };
  return config ?? {};
}
