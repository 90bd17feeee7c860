import { stringify } from "yaml";
import { serverJsonSchema, stackJsonSchema } from "../../settings/schemas/json-schema.ts";
import { NAMESPACE, stackKeys } from "../../settings/schemas/stack-schema.ts";

/** Written by `npm run docs` from the schemas of `settings/schemas/`, which editors have as well. */
export const SETTINGS_FILE = "docs/settings.md";

/** The keywords that the schemas of this project use. */
export interface Schema {
  readonly type?: string | readonly string[];
  /** What may be written. */
  readonly title?: string;
  /** What it does. */
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: string;
  readonly examples?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
}

/** One key; `kind` says for which variants it is there, where it is not there for all. */
export interface Row {
  readonly key: string;
  readonly kinds: readonly string[];
  readonly write: string;
  readonly default: string;
  readonly meaning: string;
}

/**
 * Every key below a schema, in the order in which the schema has them. `NAME` and `[]` stand for any name and any
 * entry.
 */
export function rowsOf(schema: Schema, prefix: string): Row[] {
  const variants = (schema.oneOf ?? []).filter(({ properties }) => properties);
  if (variants.length) return merged(variants.map((variant) => ofKind(variant, rowsOf(variant, prefix))));
  const { items, additionalProperties: value, properties = {}, required = [] } = schema;
  return [
    ...(items ? rowsOf(items, `${prefix}[]`) : []),
    ...(typeof value === "object" ? rowsOf(value, join(prefix, "NAME")) : []),
    ...Object.entries(properties).flatMap(([name, inner]) => {
      const key = join(prefix, name);
      const row = {
        key,
        kinds: [],
        write: inner.title ?? (inner.const === undefined ? "" : code(inner.const)),
        default: required.includes(name) ? "must be written" : shownDefault(inner.default),
        meaning: inner.description ?? "",
      };
      return [row, ...rowsOf(inner, key)];
    }),
  ];
}

const join = (prefix: string, name: string) => (prefix ? `${prefix}.${name}` : name);

const ofKind = ({ properties }: Schema, rows: readonly Row[]): Row[] =>
  rows.map((row) => ({ ...row, kinds: [String(properties?.["kind"]?.const)] }));

/** The keys of all variants, each once; without `kinds` where all variants have the same. */
function merged(variants: readonly (readonly Row[])[]): Row[] {
  const rows: Row[] = [];
  for (const row of variants.flat()) {
    const at = rows.findIndex((other) => textOf(other) === textOf(row));
    const same = rows[at];
    if (same) rows[at] = { ...same, kinds: [...same.kinds, ...row.kinds] };
    else rows.push(row);
  }
  return rows.map((row) => (row.kinds.length === variants.length ? { ...row, kinds: [] } : row));
}

const textOf = (row: Row) => JSON.stringify({ ...row, kinds: [] });

const code = (text: string) => `\`${text}\``;

/** An empty map or list is what a key that was left out means anyway. */
function shownDefault(value: unknown): string {
  const isEmpty = typeof value === "object" && value !== null && !Object.keys(value).length;
  if (value === undefined || value === "" || isEmpty) return "";
  return code(typeof value === "string" ? value : JSON.stringify(value));
}

const cell = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");

const table = (rows: readonly Row[]) =>
  [
    "| key | what to write | default | meaning |",
    "|---|---|---|---|",
    ...rows.map(({ key, kinds, write, default: value, meaning }) => {
      const kind = kinds.length ? ` (${kinds.join(", ")})` : "";
      return `| ${[code(key) + kind, write, value || "–", meaning].map(cell).join(" | ")} |`;
    }),
  ].join("\n");

const yaml = (value: unknown) => `\`\`\`yaml\n${stringify(value, { flowCollectionPadding: true })}\`\`\``;

function stackSections(): string[] {
  const { properties = {}, required = [] } = (stackJsonSchema() as Schema).properties?.["config"] ?? {};
  return Object.keys(stackKeys).map((name) => {
    const key = `${NAMESPACE}:${name}`;
    const schema = properties[key] ?? {};
    const rows = rowsOf(schema, name);
    const value = shownDefault(schema.default);
    const facts = [
      ...(schema.properties || schema.oneOf ? [] : [`What to write: ${schema.title}.`]),
      ...(required.includes(key) ? ["It must be written."] : []),
      ...(value ? [`Default: ${value}.`] : []),
    ];
    return [
      `### ${code(key)}`,
      [schema.description, ...facts].join(" "),
      ...(schema.examples ?? []).map((example) => yaml({ [key]: example })),
      ...(rows.length ? [table(rows)] : []),
    ].join("\n\n");
  });
}

/** docs/settings.md as it has to be. */
export function settingsPage(): string {
  const server = serverJsonSchema() as Schema;
  return `${[
    "<!-- Written by `npm run docs` from the schemas of settings/schemas/. Change those. -->",
    "# Settings",
    `A stack's settings are in \`Pulumi.<stack>.yaml\`, below \`config:\`. What an MCP server is, for every stack, is in \`mcp/<name>/server.yaml\`.
All errors of all files are reported at once, before anything is touched, and each says what to write. The first line of each file names
its JSON Schema: an editor with a YAML language server (VS Code: the extension YAML) completes and checks it as you type.`,
    `In the tables \`NAME\` stands for any name and \`[]\` for each entry of a list. A key in whose row a kind is named in parentheses is there for
that \`kind\` only. A key without a default that need not be written is not set.`,
    "## `Pulumi.<stack>.yaml`",
    ...stackSections(),
    `### \`${NAMESPACE}:secrets\``,
    `Values that Pulumi encrypts in the stack's file. They are set by command only, which asks for the value:`,
    `\`\`\`\npulumi config set --secret --path '${NAMESPACE}:secrets.openaiKey'\n\`\`\``,
    "Other settings refer to them by name. One that is referred to and not set is an error; one that nothing refers to is a warning.",
    "## `mcp/<name>/server.yaml`",
    `One folder is one MCP server; the folder's name, of lower-case letters, digits and \`_\`, is the server's. Beside \`server.yaml\` are the
package lock (\`npm run lock\`), the tool lock (\`npm run tools\`) and, where a package needs another program, \`setup.sh\`, which runs as root
while the image is built.`,
    ...(server.examples ?? []).map((example) => yaml(example)),
    table(rowsOf(server, "")),
  ].join("\n\n")}\n`;
}
