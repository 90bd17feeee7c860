import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { NEWEST_VERSION } from "../../settings/litellm-versions.ts";
import { Problems } from "../../settings/problems.ts";
import { checkServerFolder } from "../../settings/resolve/check-server-folder.ts";
import { serverJsonSchema, stackJsonSchema } from "../../settings/schemas/json-schema.ts";
import { serverDefinition } from "../../settings/schemas/server-schema.ts";
import { NAMESPACE, stackKeys } from "../../settings/schemas/stack-schema.ts";
import { rowsOf, type Schema, SETTINGS_FILE, settingsPage } from "./settings.ts";

test("the committed page is that of the program", () => {
  assert.equal(readFileSync(SETTINGS_FILE, "utf8"), settingsPage(), "run npm run docs");
});

const config = (stackJsonSchema() as Schema).properties?.["config"]?.properties ?? {};
const schemas = new Map(Object.keys(stackKeys).map((name) => [name, config[`${NAMESPACE}:${name}`] ?? {}]));
schemas.set("", serverJsonSchema() as Schema);

/**
 * Keys of an example as the page writes them; what a map may have as names, and what a list has, is no key of its own.
 */
function keysIn(value: unknown, schema: Schema, key: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysIn(item, schema.items ?? {}, `${key}[]`));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const kinds = (schema.oneOf ?? []).filter(({ properties }) => properties);
    const kind = (value as { kind?: string }).kind;
    const variant = kinds.find(({ properties }) => properties?.["kind"]?.const === kind) ?? kinds[0] ?? schema;
    const known = variant.properties?.[name];
    if (known) {
      const path = key ? `${key}.${name}` : name;
      return [path, ...keysIn(inner, known, path)];
    }
    return typeof schema.additionalProperties === "object"
      ? keysIn(inner, schema.additionalProperties, `${key}.NAME`)
      : [];
  });
}

for (const [name, schema] of schemas) {
  const title = name || "server.yaml";
  test(`every key of ${title} says what to write and what it does, and is in an example`, () => {
    const rows = rowsOf(schema, name);
    for (const { key, write, meaning } of rows) {
      assert.ok(write, `${key} has no title`);
      assert.match(meaning, /^\S.*\.$/s, `${key} has no description that is a sentence`);
    }
    const examples = schema.examples ?? [];
    assert.ok(examples.length);
    const shown = examples.flatMap((example) => keysIn(example, schema, name));
    for (const { key } of rows) assert.ok(shown.includes(key), `${key} is in no example of ${title}`);
  });
}

test("the examples of a stack's file are accepted", () => {
  for (const [name, schema] of Object.entries(stackKeys))
    for (const example of schemas.get(name)?.examples ?? [])
      assert.deepEqual(schema.safeParse(example).error?.issues ?? [], [], name);
});

test("the examples of server.yaml are accepted", () => {
  for (const example of schemas.get("")?.examples ?? []) {
    const problems = new Problems();
    const definition = serverDefinition.parse(example);
    const folder = { name: "example", folder: "/mcp/example", file: "mcp/example/server.yaml", definition };
    checkServerFolder(
      { ...folder, toolLock: undefined, packageLock: undefined, unreadable: [] },
      NEWEST_VERSION,
      problems,
    );
    assert.deepEqual(problems.all, []);
  }
});

test("keys that differ between kinds have a row each, those that all kinds have alike share one", () => {
  const variant = (kind: string, port: number): Schema => ({
    properties: { kind: { const: kind }, port: { title: "a port", default: port }, host: { title: "a name" } },
    required: ["host"],
  });
  assert.deepEqual(
    rowsOf({ oneOf: [variant("a", 1), variant("b", 2)] }, "x").map((row) => [row.key, row.kinds, row.default]),
    [
      ["x.kind", ["a"], ""],
      ["x.port", ["a"], "`1`"],
      ["x.host", [], "must be written"],
      ["x.kind", ["b"], ""],
      ["x.port", ["b"], "`2`"],
    ],
  );
});
