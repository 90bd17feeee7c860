import { mkdir } from "node:fs/promises";
import path from "node:path";
import { Command } from "commander";
import writeFileAtomic from "write-file-atomic";
import { SDKS_FILE, sdksPage } from "./docs/sdks.ts";
import { SECURITY_FILE, securityPage } from "./docs/security.ts";
import { SETTINGS_FILE, settingsPage } from "./docs/settings.ts";
import { GRAFANA_FOLDER, grafanaFiles } from "../components/monitoring/grafana/files.ts";
import { projectRoot } from "../lib/project-root.ts";

new Command("npm run docs")
  .description("Writes the pages of docs/, and the files for a Grafana, that follow from the program.")
  .parse();

for (const [file, text] of [
  [SDKS_FILE, sdksPage()],
  [SECURITY_FILE, securityPage()],
  [SETTINGS_FILE, settingsPage()],
  ...Object.entries(grafanaFiles()).map(([file, text]) => [path.join(GRAFANA_FOLDER, file), text] as const),
] as const) {
  await mkdir(path.dirname(path.join(projectRoot, file)), { recursive: true });
  await writeFileAtomic(path.join(projectRoot, file), text);
  console.log(file);
}
