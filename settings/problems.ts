import type { z } from "zod";
import { compareText } from "../lib/compare-text.ts";
import { dotted } from "../lib/dotted.ts";

/** One thing the user has to change. */
export interface Problem {
  /** As the user knows it, for example `Pulumi.local.yaml` or `mcp/git/server.yaml`. */
  readonly file: string;
  /** Dotted, for example `litellm-mcp:servers.git.mounts.repositories`. */
  readonly path: string;
  readonly found: string;
  /** What to write instead. */
  readonly write: string;
}

/** All problems of all files in one error; its message is meant for the user as it is. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const each = problems.map(
      ({ file, path, found, write }) => `${file}: ${path}\n    found: ${found}\n    write: ${write}\n`,
    );
    super(`${count} in the settings, nothing was changed:\n\n${each.join("\n")}`);
    this.problems = problems;
  }
}

type Path = readonly PropertyKey[];

/** Collects problems, so that the user sees all of them at once. */
export class Problems {
  readonly #list: Problem[] = [];

  /** An empty path is the whole file; `found` is shown as the user would write it. */
  add(file: string, path: string, found: unknown, write: string): void {
    this.#list.push({ file, path: path || "(file)", found: describe(found, path), write });
  }

  /** Takes over problems that were collected elsewhere. */
  include(problems: readonly Problem[]): void {
    this.#list.push(...problems);
  }

  get all(): readonly Problem[] {
    return this.#list;
  }

  /**
   * The parsed value; undefined when it has problems, which are noted. The messages of the schemas say what to write,
   * and `advice` says it for a key that no schema knows.
   */
  parse<T>(
    schema: z.ZodType<T>,
    value: unknown,
    file: string,
    at: string,
    advice: (key: string) => string | undefined = () => undefined,
  ): T | undefined {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      if (issue.code === "unrecognized_keys") {
        for (const key of issue.keys) {
          this.add(file, dotted(at, [...issue.path, key]), unknownKey, advice(key) ?? issue.message);
        }
      } else if (issue.code === "invalid_key") {
        this.add(
          file,
          dotted(at, issue.path.slice(0, -1)),
          issue.path.at(-1),
          issue.issues[0]?.message ?? issue.message,
        );
      } else {
        this.add(file, dotted(at, issue.path), valueAt(value, issue.path), issue.message);
      }
    }
    return undefined;
  }

  /**
   * Throws when there was any problem; they are sorted by file, so that the user opens each file once. Otherwise no
   * part is undefined, since `parse` gives undefined only for what is wrong.
   */
  complete<T extends object>(parts: T): { [K in keyof T]: Exclude<T[K], undefined> } {
    if (this.#list.length) throw new SettingsError([...this.#list].sort((a, b) => compareText(a.file, b.file)));
    return parts as { [K in keyof T]: Exclude<T[K], undefined> };
  }
}

/** Stands for a key that nothing reads, and is shown in place of its value. */
export const unknownKey: unique symbol = Symbol("a key that nothing reads");

const LONGEST_SHOWN = 100;
/**
 * Names of settings that are likely to hold a password. Their values are not shown, since messages go to terminals and
 * CI logs.
 */
const CONFIDENTIAL = /(key|token|password|secret|uri|url)$/i;
/** The other half of what `litellm-mcp:backup.recipients` wants. */
const IDENTITY = /^AGE-SECRET-KEY-/i;

function describe(found: unknown, path: string): string {
  if (found === undefined) return "nothing";
  if (typeof found === "symbol") return found.description ?? "";
  if (typeof found === "string" && (CONFIDENTIAL.test(path) || IDENTITY.test(found)))
    return "a text that is not shown here";
  const text = JSON.stringify(found);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

const valueAt = (value: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (inner, key) =>
      typeof inner === "object" && inner !== null ? (inner as Record<PropertyKey, unknown>)[key] : undefined,
    value,
  );
