import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import { SCHEMA_FILES, serverJsonSchema, stackJsonSchema } from "../settings/schemas/json-schema.ts";
import { projectRoot } from "../lib/project-root.ts";

new Command("npm run schemas")
  .description("Writes the JSON Schemas that editors check server.yaml and Pulumi.<stack>.yaml with.")
  .parse();

for (const [file, schema] of [
  [SCHEMA_FILES.server, serverJsonSchema()],
  [SCHEMA_FILES.stack, stackJsonSchema()],
] as const) {
  const location = path.join(projectRoot, file);
  await mkdir(path.dirname(location), { recursive: true });
  await writeFile(location, `${JSON.stringify(schema, undefined, 2)}\n`);
  console.log(file);
}
