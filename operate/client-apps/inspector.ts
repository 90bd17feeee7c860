import path from "node:path";
import { type App, bearer, ENTRY, quoted } from "./app.ts";

/** Seen with 2.12.0 on Node 22, see docs/clients.md. */
export const inspector: App = {
  name: "inspector",
  title: "MCP Inspector",
  files: ({ gateway, key }) => [
    {
      name: "mcp.json",
      content: {
        format: "json",
        entries: [
          { path: ["mcpServers", ENTRY], value: { type: "streamable-http", url: gateway, headers: bearer(key) } },
        ],
      },
    },
  ],
  next: (place) =>
    place.kind === "folder"
      ? [
          `npx @modelcontextprotocol/inspector@2.12.0 --cli --config ${quoted(path.join(place.folder, "mcp.json"))} --server ${ENTRY} --method tools/list   # Node 22.19 or newer`,
        ]
      : [],
};
