import path from "node:path";
import { type App, bearer, ENTRY, quoted } from "./app.ts";

/** Seen with 2.1.329, see docs/clients.md. */
export const claudeCode: App = {
  name: "claude-code",
  title: "Claude Code",
  files: ({ gateway, key }) => {
    const server = { type: "http", url: gateway, headers: bearer(key) };
    return [
      {
        name: ".mcp.json",
        content: { format: "json", entries: [{ path: ["mcpServers", ENTRY], value: server }] },
        installedAt: ({ home, env }) => path.join(env.CLAUDE_CONFIG_DIR ?? home, ".claude.json"),
      },
      {
        name: "claude-mcp-add.sh",
        content: {
          format: "text",
          // The key comes by standard input: everybody on the machine can read a command line while it runs.
          text: `claude mcp add-json --scope user ${ENTRY} - <<'END'\n${JSON.stringify(server)}\nEND\n`,
        },
      },
    ];
  },
  next: (place) =>
    place.kind === "installed"
      ? ["claude mcp list   # says Connected; in a session: /mcp"]
      : [
          `for this user, in every project: sh ${quoted(path.join(place.folder, "claude-mcp-add.sh"))}`,
          "or for one project: copy .mcp.json into it, run claude there and approve the server; keep the file out of git, it has the key",
        ],
};
