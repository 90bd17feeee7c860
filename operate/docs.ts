import path from "node:path";
import { Command } from "commander";
import { SECURITY_FILE, securityPage } from "./docs/security.ts";
import { projectRoot } from "./environment.ts";
import { replaceFile } from "./replace-file.ts";

new Command("npm run docs").description("Writes the pages of docs/ that follow from the program.").parse();

await replaceFile(path.join(projectRoot, SECURITY_FILE), securityPage());
console.log(SECURITY_FILE);
