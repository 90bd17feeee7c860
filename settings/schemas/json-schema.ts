import { z } from "zod";
import { serverDefinition } from "./server-schema.ts";
import { NAMESPACE, stackKeys } from "./stack-schema.ts";

type JsonSchema = z.core.JSONSchema.BaseSchema;

/**
 * Where the schemas are, from the project's root. The first line of every `server.yaml` and stack file names its
 * schema.
 */
export const SCHEMA_FILES = { server: "settings/schemas/server.json", stack: "settings/schemas/stack.json" } as const;

/** What an editor checks and completes in `mcp/<name>/server.yaml`. */
export const serverJsonSchema = (): JsonSchema => jsonSchema(serverDefinition);

/** What an editor checks and completes in `Pulumi.<stack>.yaml`; Pulumi's own keys and those of other packages pass. */
export function stackJsonSchema(): JsonSchema {
  const { $schema, ...keys } = jsonSchema(z.strictObject(stackKeys));
  const own = Object.entries(keys.properties ?? {}).map(([key, schema]) => [`${NAMESPACE}:${key}`, schema]);
  const encrypted = {
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
    additionalProperties: false,
    title: `an encrypted value: pulumi config set --secret --path '${NAMESPACE}:secrets.NAME'`,
  } as const;
  return {
    ...($schema && { $schema }),
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: {
          ...Object.fromEntries(own),
          [`${NAMESPACE}:secrets`]: {
            type: "object",
            additionalProperties: encrypted,
            title: "a map of secrets, written by command only",
            description: "Values that are encrypted in this file.",
          },
        },
        patternProperties: { [`^(?!${NAMESPACE}:)`]: {} },
        required: ["docker", "lan"].map((key) => `${NAMESPACE}:${key}`),
        additionalProperties: false,
      },
    },
    required: ["config"],
  };
}

function jsonSchema(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema: written }) => {
      const { def } = zodSchema._zod;
      // zod leaves defaults and examples out where a preprocess or a transform comes after them.
      const { examples } = z.globalRegistry.get(zodSchema) ?? {};
      if (Array.isArray(examples)) written.examples = examples;
      if (def.type === "default" || def.type === "prefault") written.default = def.defaultValue;
      // A preprocess takes more than what comes after it, which is all that zod writes: also nothing behind a key, or
      // no `kind`.
      if (def.type !== "pipe") return;
      if (written.type === "object" && accepts(zodSchema, null)) Object.assign(written, { type: ["object", "null"] });
      const first = written.oneOf?.[0];
      if (first && accepts(zodSchema, {})) delete first.required;
    },
  });
}

const accepts = (schema: z.core.$ZodType, value: unknown) => z.core.safeParse(schema, value).success;
