import type { ModelRoute } from "./bodies/index.ts";

/** The format of errors: that of the API that the client speaks. */
export type Dialect = "plain" | "mcp" | "openai" | "anthropic";

/** What the ingress does with a request; the handlers are in `server.ts`. */
export type Action =
  | { readonly does: "health" }
  | { readonly does: "mcp" }
  | { readonly does: "no-stream" }
  | { readonly does: "models" }
  | { readonly does: "model"; readonly route: ModelRoute };

export interface Route {
  readonly method: "GET" | "POST" | "DELETE";
  /** `:names` is a list of servers and groups, separated by commas. */
  readonly path: string;
  /** "client": anybody with the key of a client of this stack. */
  readonly who: "anybody" | "client";
  readonly action: Action;
  readonly dialect: Dialect;
  /** For docs/security.md: what it is, and what the body may be. */
  readonly what: string;
  readonly body: string;
}

const mcp = (path: string, where: string): Route[] => [
  {
    method: "POST",
    path,
    who: "client",
    action: { does: "mcp" },
    dialect: "mcp",
    what: `MCP (streamable HTTP), ${where}`,
    body: "one JSON-RPC message: `initialize`, `ping`, `tools/list`, `tools/call` or a notification",
  },
  ...(["GET", "DELETE"] as const).map((method): Route => ({
    method,
    path,
    who: "client",
    action: { does: "no-stream" },
    dialect: "mcp",
    what: "405: there are no sessions and no stream of the server's own",
    body: "none",
  })),
];

const model = (route: ModelRoute, dialect: Dialect, what: string): Route => ({
  method: "POST",
  path: route,
  who: "client",
  action: { does: "model", route },
  dialect,
  what,
  body: "the parameters of that API at every depth; an unknown one is refused and named",
});

/** Every route of port 4000. Anything else is answered 404 and does not reach LiteLLM. */
export const routes: readonly Route[] = [
  {
    method: "GET",
    path: "/health",
    who: "anybody",
    action: { does: "health" },
    dialect: "plain",
    what: "whether the ingress and LiteLLM work",
    body: "none",
  },
  ...mcp("/mcp", "all servers of the client"),
  ...mcp("/mcp/", "all servers of the client"),
  ...["/mcp/:names", "/mcp/:names/"].flatMap((path) =>
    mcp(path, "the servers and groups named, such as `/mcp/time` or `/mcp/time,git`"),
  ),
  {
    method: "GET",
    path: "/v1/models",
    who: "client",
    action: { does: "models" },
    dialect: "openai",
    what: "the client's models",
    body: "none",
  },
  model("/v1/chat/completions", "openai", "OpenAI's chat completions"),
  model(
    "/v1/responses",
    "openai",
    "OpenAI's responses; `type: mcp` tools run here, call by call, under the client's rights",
  ),
  model("/v1/messages", "anthropic", "Anthropic's messages"),
  model("/v1/messages/count_tokens", "anthropic", "Anthropic's token count"),
  model("/v1/embeddings", "openai", "OpenAI's embeddings"),
];

const OFFERED = [...new Set(routes.map(({ path }) => path))].filter((path) => path !== "/mcp" && !path.includes(":"));

/**
 * What to do about an address that is not in the table. Most who meet the 404 have a base URL with a `/v1` too few, as
 * LiteLLM's own documentation writes it, or too many, or look for a route that LiteLLM has.
 */
export function adviceFor(url: string): string {
  const at = url.split("?")[0]!;
  const methods = (path: string) => routes.flatMap((route) => (route.path === path ? [route.method] : []));
  if (methods(at).length > 0) return `write ${methods(at).join(" or ")} ${at}`;
  if (methods(`/v1${at}`).length > 0) return `write /v1${at}: the base URL of OpenAI's SDKs ends in /v1`;
  if (at.startsWith("/v1/v1/")) return `write ${at.slice(3)}: the base URL of Anthropic's SDKs has no /v1`;
  const server = /^\/([a-z0-9_]+)\/mcp\/?$/.exec(at)?.[1];
  if (server !== undefined) return `write /mcp/${server}`;
  return `it has ${OFFERED.join(", ")}; LiteLLM's own routes and its UI are on the host alone (docs/security.md)`;
}

/** The only query that a client sends: Anthropic's SDK for its beta features. It changes nothing at LiteLLM. */
export const ALLOWED_QUERY = /^\/v1\/messages(\/count_tokens)?\?beta=true$/;
/** No percent signs, dots or double slashes: there is one way to write each address. */
export const PLAIN_PATH = /^(\/[a-z0-9_,-]+)+\/?$/;

/** Headers of a client that reach LiteLLM, by the API that they belong to. All others stay here. */
export const PASSED_HEADERS: Readonly<Record<Dialect, readonly string[]>> = {
  plain: [],
  mcp: [],
  openai: [],
  anthropic: ["anthropic-version", "anthropic-beta"],
};
/** Headers of LiteLLM's answers that reach a client; others would show addresses and costs. */
export const RETURNED_HEADERS = ["content-type", "retry-after", "cache-control"];
