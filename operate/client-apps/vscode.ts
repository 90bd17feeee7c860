import path from "node:path";
import { type App, bearer, ENTRY, type User } from "./app.ts";

const INPUT = "litellm-key";

/** VS Code's folder for the user's own settings, of the default profile. */
const userFolder = ({ home, platform, env }: User) => {
  if (platform === "darwin") return path.join(home, "Library", "Application Support", "Code", "User");
  if (platform === "win32") return path.join(env.APPDATA ?? path.join(home, "AppData", "Roaming"), "Code", "User");
  return path.join(env.XDG_CONFIG_HOME ?? path.join(home, ".config"), "Code", "User");
};

/** Seen with 1.139.1, see docs/clients.md. The key is not in the file: VS Code asks for it and keeps it encrypted. */
export const vscode: App = {
  name: "vscode",
  title: "VS Code",
  files: ({ client, gateway }) => [
    {
      name: ".vscode/mcp.json",
      content: {
        format: "json",
        entries: [
          {
            path: ["inputs", { id: INPUT }],
            value: { type: "promptString", id: INPUT, description: `LiteLLM key of client ${client}`, password: true },
          },
          { path: ["servers", ENTRY], value: { type: "http", url: gateway, headers: bearer(`\${input:${INPUT}}`) } },
        ],
      },
      installedAt: (user) => path.join(userFolder(user), "mcp.json"),
    },
  ],
  next: (place, { client }) => [
    ...(place.kind === "folder" ? ["copy .vscode/mcp.json into a project; it has no key"] : []),
    `in VS Code "MCP: List Servers" → ${ENTRY} → Start Server; it asks once for the key of ${client}`,
  ],
};
