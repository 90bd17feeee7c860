import { readFileSync } from "node:fs";

/** Written by `npm run docs`, from this file's neighbour `sdks.template.md` and the programs of examples/. */
export const SDKS_FILE = "docs/sdks.md";

const LANGUAGES: Readonly<Record<string, string>> = {
  go: "go",
  mjs: "js",
  py: "python",
  rs: "rust",
  ts: "ts",
};

/** docs/sdks.md as it has to be: `{{file}}` is that program, whole. */
export function sdksPage(): string {
  const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
  return read("./sdks.template.md").replace(/\{\{([\w./-]+)\}\}/g, (_placeholder, file: string) => {
    const language = LANGUAGES[file.split(".").at(-1)!]!;
    return `[\`examples/${file}\`](../examples/${file})\n\n\`\`\`${language}\n${read(`../../examples/${file}`)}\`\`\``;
  });
}
