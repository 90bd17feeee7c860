import path from "node:path";
import { type App, bearer, ENTRY } from "./app.ts";

/** Seen with 0.61.0, see docs/clients.md. `httpUrl` is streamable HTTP; its `url` was SSE in older versions. */
export const geminiCli: App = {
  name: "gemini-cli",
  title: "Gemini CLI",
  files: ({ gateway, key }) => [
    {
      name: ".gemini/settings.json",
      content: {
        format: "json",
        entries: [{ path: ["mcpServers", ENTRY], value: { httpUrl: gateway, headers: bearer(key) } }],
      },
      installedAt: ({ home, env }) => path.join(env.GEMINI_CLI_HOME ?? home, ".gemini", "settings.json"),
    },
  ],
  next: (place) => [
    ...(place.kind === "folder" ? ["copy .gemini/settings.json to ~/.gemini/, or into a project; it has the key"] : []),
    "gemini mcp list   # says Connected, in a folder that Gemini CLI was told to trust",
  ],
};
