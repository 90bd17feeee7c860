import { type App, ENTRY } from "./app.ts";

/**
 * From Open WebUI's documentation and source; not run here. It keeps connections in its own database: the variables
 * are read at its first start only, later ones are imported by an administrator.
 */
export const openWebUi: App = {
  name: "open-webui",
  title: "Open WebUI",
  files: ({ gateway, models, key }) => {
    const connection = {
      type: "mcp",
      url: gateway,
      path: "",
      auth_type: "bearer",
      key,
      config: { enable: true },
      info: { id: ENTRY, name: "LiteLLM", description: "MCP tools of the LiteLLM gateway" },
    };
    return [
      { name: "tool-server.json", content: { format: "text", text: `${JSON.stringify([connection], null, 2)}\n` } },
      {
        name: "open-webui.env",
        content: {
          format: "text",
          text: `OPENAI_API_BASE_URL=${models}\nOPENAI_API_KEYS=${key}\nTOOL_SERVER_CONNECTIONS=${JSON.stringify([connection])}\n`,
        },
      },
    ];
  },
  next: () => [
    "a new Open WebUI (0.6.31 or newer): docker run --env-file open-webui.env …, with a lasting WEBUI_SECRET_KEY",
    "one that runs: Admin Settings → External Tools → + → Import → tool-server.json; models under Connections",
  ],
};
