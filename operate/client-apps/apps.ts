import type { App } from "./app.ts";
import { claudeCode } from "./claude-code.ts";
import { codex } from "./codex.ts";
import { geminiCli } from "./gemini-cli.ts";
import { inspector } from "./inspector.ts";
import { openWebUi } from "./open-webui.ts";
import { vscode } from "./vscode.ts";

/** Every app that files are written for. */
export const apps: readonly App[] = [claudeCode, geminiCli, codex, vscode, openWebUi, inspector];

/** The apps a client's files are for: the one of the client's own name, otherwise all. */
export function appsOf(client: string): readonly App[] {
  const own = apps.filter(({ name }) => name === client);
  return own.length ? own : apps;
}
