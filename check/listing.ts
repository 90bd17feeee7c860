import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { distinctTools, type Tool } from "../approval/tool-lock.ts";

/** Tools by server, as one key sees them; a tool's name has no server in it here. */
export type Listing = ReadonlyMap<string, readonly Tool[]>;

export const REQUEST_TIMEOUT_MS = 60_000;

/** Groups what tools/list answered. LiteLLM names a tool `<server>-<tool>`; a server's name has no `-`. */
export function groupByServer(tools: readonly Tool[]): Listing {
  const listing = new Map<string, Tool[]>();
  for (const tool of tools) {
    const at = tool.name.indexOf("-");
    const server = at < 0 ? "" : tool.name.slice(0, at);
    listing.set(server, [...(listing.get(server) ?? []), { ...tool, name: tool.name.slice(at + 1) }]);
  }
  return listing;
}

/** What clients see together: each tool once, and more than once where they see it with different texts. */
export function together(listings: Iterable<Listing>): Listing {
  const all = new Map<string, readonly Tool[]>();
  for (const one of listings)
    for (const [server, tools] of one) all.set(server, distinctTools([...(all.get(server) ?? []), ...tools]));
  return all;
}

/** Runs `use` with an MCP session at the gateway, which is closed afterwards, and when `signal` is aborted. */
export async function withGateway<T>(
  url: string,
  key: string,
  use: (mcp: Client) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  signal?.throwIfAborted();
  const client = new Client({ name: "litellm-mcp-gateway-check", version: "1.0.0" });
  const transport = new StreamableHTTPClientTransport(new URL(`${url}/mcp/`), {
    // Without no-cache the ingress may answer with a list that it fetched some seconds ago.
    requestInit: { headers: { authorization: `Bearer ${key}`, "cache-control": "no-cache" } },
  });
  const end = () => void client.close();
  signal?.addEventListener("abort", end);
  try {
    await client.connect(transport, { timeout: REQUEST_TIMEOUT_MS });
    return await use(client);
  } finally {
    signal?.removeEventListener("abort", end);
    await client.close();
  }
}

/** What one session lists. */
export async function list(mcp: Client): Promise<Listing> {
  const { tools } = await mcp.listTools(undefined, { timeout: REQUEST_TIMEOUT_MS });
  return groupByServer(tools.map(({ name, description = "", inputSchema }) => ({ name, description, inputSchema })));
}

/** Every tool that one of these keys is shown, by server. */
export async function listTools(gatewayUrl: string, keys: readonly string[]): Promise<Listing> {
  const listings: Listing[] = [];
  for (const key of keys) listings.push(await withGateway(gatewayUrl, key, list));
  return together(listings);
}
