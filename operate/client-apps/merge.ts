import { isDeepStrictEqual } from "node:util";
import * as toml from "@decimalturn/toml-patch";
import { applyEdits, modify, type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import { dotted } from "../../lib/dotted.ts";
import { isMap } from "../../lib/is-map.ts";
import type { Content, PathItem, Variable } from "./app.ts";

export interface Merged {
  readonly text: string;
  /** Paths of entries that were there with another content. */
  readonly replaced: readonly string[];
}

/**
 * The text of a file with our content in it. Everything else in it stays, comments included; a neighbour of a new JSON
 * entry may get other line breaks. An entry that is there already is not written again.
 *
 * @param before Text of the file; undefined where there is none.
 * @throws Error that says what is wrong with `before`: it does not parse, or has something else where our entry belongs.
 */
export function merge(before: string | undefined, content: Content): Merged {
  if (content.format === "text")
    return { text: content.text, replaced: before === undefined || before === content.text ? [] : ["the whole file"] };
  if (content.format === "env") return mergeVariables(before ?? "", content.variables);
  const format = content.format === "json" ? json : tomlTables;
  let text = before?.trim() ? before : format.empty;
  const replaced: string[] = [];
  for (const { path, value } of content.entries) {
    const found = lookUp(format.parse(text), path);
    if (same(found.value, value)) continue;
    if (found.value !== undefined) replaced.push(dotted("", found.path));
    text = format.set(text, found.path, value);
  }
  return { text: text.endsWith("\n") ? text : `${text}\n`, replaced };
}

function mergeVariables(before: string, variables: readonly Variable[]): Merged {
  const newline = before.includes("\r\n") ? "\r\n" : "\n";
  const lines = before.trim() ? before.replace(/\r?\n$/, "").split(/\r?\n/) : [];
  const replaced: string[] = [];
  for (const variable of variables) {
    const at = lines.findIndex((line) => line.startsWith(`${variable.name}=`));
    const line = `${variable.name}=${"value" in variable ? variable.value : variable.make()}`;
    if (at < 0) lines.push(line);
    // An empty value is as good as none: the app would refuse it.
    else if (lines[at] !== line && ("value" in variable || lines[at] === `${variable.name}=`)) {
      lines[at] = line;
      replaced.push(variable.name);
    }
  }
  return { text: `${lines.join(newline)}${newline}`, replaced };
}

interface Format {
  readonly empty: string;
  parse(text: string): unknown;
  set(text: string, path: readonly (string | number)[], value: unknown): string;
}

const json: Format = {
  empty: "{}\n",
  parse(text) {
    const errors: ParseError[] = [];
    const value: unknown = parse(text, errors, { allowTrailingComma: true });
    const [first] = errors;
    if (first)
      throw new Error(
        `not JSON: ${printParseErrorCode(first.error)} in line ${text.slice(0, first.offset).split("\n").length}`,
      );
    return value;
  },
  set: (text, path, value) =>
    applyEdits(
      text,
      modify(text, [...path], value, { formattingOptions: { insertSpaces: true, tabSize: indentOf(text) } }),
    ),
};

const indentOf = (text: string) => /^( +)\S/m.exec(text)?.[1]?.length ?? 2;

const tomlTables: Format = {
  empty: "",
  parse(text) {
    try {
      return toml.parse(text);
    } catch (error) {
      // The message goes on with the line itself, which may hold a key.
      throw new Error(`not TOML: ${(error as Error).message.split("\n")[0]}`, { cause: error });
    }
  },
  set(text, path, value) {
    const wanted = toml.parse(text) as Record<string, unknown>;
    let map = wanted;
    for (const key of path.slice(0, -1)) map = (map[key] ??= {}) as Record<string, unknown>;
    map[path.at(-1)!] = value;
    // An empty file gets a table with a header of its own, as people write it.
    const patched = toml.patch(text.trim() ? text : `[${path.join(".")}]\n`, wanted);
    // These are settings of the file's owner: no change is better than a wrong one.
    if (!same(toml.parse(patched), wanted))
      throw new Error(`${dotted("", path)} cannot be set without changing something else`);
    return patched;
  },
};

/** Equal values; the parsers make objects with prototypes of their own. */
const same = (a: unknown, b: unknown) => isDeepStrictEqual(structuredClone(a), structuredClone(b));

/** What is at a path now, and the path with a number for the member of a list; its end where there is none of that id. */
function lookUp(root: unknown, path: readonly PathItem[]): { path: (string | number)[]; value: unknown } {
  const found: (string | number)[] = [];
  let value = root;
  for (const item of path) {
    const kind = typeof item === "string" ? "map" : "list";
    const fits = kind === "list" ? Array.isArray(value) : isMap(value);
    if (value !== undefined && !fits) throw new Error(`${dotted("", found) || "the whole file"} is not a ${kind}`);
    if (typeof item === "string") {
      found.push(item);
      value = (value as Record<string, unknown> | undefined)?.[item];
    } else {
      const list = (value ?? []) as { readonly id?: unknown }[];
      const index = list.findIndex((member) => member?.id === item.id);
      found.push(index < 0 ? list.length : index);
      value = list[index];
    }
  }
  return { path: found, value };
}
