import path from "node:path";
import { Command } from "commander";
import { SECURITY_FILE, securityPage } from "./docs/security.ts";
import { SETTINGS_FILE, settingsPage } from "./docs/settings.ts";
import { projectRoot } from "../lib/project-root.ts";
import { replaceFile } from "../lib/replace-file.ts";

new Command("npm run docs").description("Writes the pages of docs/ that follow from the program.").parse();

for (const [file, text] of [
  [SECURITY_FILE, securityPage()],
  [SETTINGS_FILE, settingsPage()],
] as const) {
  await replaceFile(path.join(projectRoot, file), text);
  console.log(file);
}
