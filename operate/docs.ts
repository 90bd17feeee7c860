import path from "node:path";
import { Command } from "commander";
import { SECURITY_FILE, securityPage } from "./docs/security.ts";
import { projectRoot } from "../lib/project-root.ts";
import { replaceFile } from "../lib/replace-file.ts";

new Command("npm run docs").description("Writes the pages of docs/ that follow from the program.").parse();

await replaceFile(path.join(projectRoot, SECURITY_FILE), securityPage());
console.log(SECURITY_FILE);
