import path from "node:path";
import { type App, bearer, ENTRY } from "./app.ts";

/**
 * LiteLLM asks one server after the other, and one that does not answer costs 30 s: all the time that Codex gives before
 * it drops our entry with all its tools, unless told otherwise (older versions: 10 s).
 */
const STARTUP_TIMEOUT_S = 60;

/** Seen with 0.169.0, see docs/clients.md. */
export const codex: App = {
  name: "codex",
  title: "Codex CLI",
  files: ({ gateway, key }) => [
    {
      name: ".codex/config.toml",
      content: {
        format: "toml",
        entries: [
          {
            path: ["mcp_servers", ENTRY],
            value: { url: gateway, http_headers: bearer(key), startup_timeout_sec: STARTUP_TIMEOUT_S },
          },
        ],
      },
      installedAt: ({ home, env }) => path.join(env.CODEX_HOME ?? path.join(home, ".codex"), "config.toml"),
    },
  ],
  next: (place) => [
    ...(place.kind === "folder"
      ? ["copy the table of .codex/config.toml into ~/.codex/config.toml; it has the key"]
      : []),
    "codex mcp list   # shows the entry; in a session: /mcp",
  ],
};
