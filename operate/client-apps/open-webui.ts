import { randomBytes } from "node:crypto";
import { type App, ENTRY } from "./app.ts";

/**
 * To whom a connection is shown. Without it, administrators alone see it. What its tools may do is decided by the
 * gateway, by the one key that all users of this Open WebUI share.
 */
const EVERY_USER = [{ principal_type: "user", principal_id: "*", permission: "read" }];

/**
 * Seen with 0.12.4, see docs/clients.md. It keeps its connections in its own database: these two variables are read
 * when that is new, later connections are imported by an administrator. The others count at every start.
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
      config: { enable: true, access_grants: EVERY_USER },
      info: { id: ENTRY, name: "LiteLLM", description: "MCP tools of the LiteLLM gateway" },
    };
    return [
      { name: "tool-server.json", content: { format: "text", text: `${JSON.stringify([connection], null, 2)}\n` } },
      {
        name: "open-webui.env",
        content: {
          format: "env",
          variables: [
            { name: "OPENAI_API_BASE_URL", value: models },
            { name: "OPENAI_API_KEYS", value: key },
            { name: "TOOL_SERVER_CONNECTIONS", value: JSON.stringify([connection]) },
            // A model of a connection is the administrators' alone until one of them shares it, one by one; which models
            // this key may use is the gateway's to say.
            { name: "BYPASS_MODEL_ACCESS_CONTROL", value: "true" },
            // Signs the sessions of its users and encrypts what it stores of theirs.
            { name: "WEBUI_SECRET_KEY", make: () => randomBytes(32).toString("base64url") },
          ],
        },
      },
    ];
  },
  next: () => [
    "a new Open WebUI (0.12.4): docker run --env-file open-webui.env …; keep the file, its WEBUI_SECRET_KEY has to last",
    "one that runs: Settings → Integrations (of Admin) → External Tool Servers → + → Import → tool-server.json; models under Connections",
  ],
};
