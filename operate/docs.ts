import path from "node:path";
import { Command } from "commander";
import writeFileAtomic from "write-file-atomic";
import { SDKS_FILE, sdksPage } from "./docs/sdks.ts";
import { SECURITY_FILE, securityPage } from "./docs/security.ts";
import { SETTINGS_FILE, settingsPage } from "./docs/settings.ts";
import { projectRoot } from "../lib/project-root.ts";

new Command("npm run docs").description("Writes the pages of docs/ that follow from the program.").parse();

for (const [file, text] of [
  [SDKS_FILE, sdksPage()],
  [SECURITY_FILE, securityPage()],
  [SETTINGS_FILE, settingsPage()],
] as const) {
  await writeFileAtomic(path.join(projectRoot, file), text);
  console.log(file);
}
