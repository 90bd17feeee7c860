import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

export interface Asking {
  /** Asks for a new list, not for one that the ingress has kept. */
  readonly newer?: boolean;
}

/** Speaks MCP to the gateway as a client does, with one key. */
export async function withMcp<T>(
  url: string,
  key: string | undefined,
  use: (client: Client) => Promise<T>,
  { newer = false }: Asking = {},
): Promise<T> {
  const client = new Client({ name: "e2e", version: "1.0.0" });
  const headers = {
    ...(key !== undefined && { authorization: `Bearer ${key}` }),
    ...(newer && { "cache-control": "no-cache" }),
  };
  try {
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
    return await use(client);
  } finally {
    await client.close();
  }
}

export const listTools = (url: string, key: string | undefined, asking?: Asking): Promise<string[]> =>
  withMcp(url, key, async (client) => (await client.listTools()).tools.map((tool) => tool.name).sort(), asking);

/** The servers whose tools are listed at an address, with headers that may narrow it, or the status and text of a refusal. */
export async function serversAt(
  address: string,
  key: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string[] | string> {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}`, ...headers },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
  });
  const { result, error } = (await answer.json()) as {
    result?: { tools: { name: string }[] };
    error?: { message: string };
  };
  if (!result) return `${answer.status} ${error!.message}`;
  return [...new Set(result.tools.map(({ name }) => name.split("-")[0]!))].sort();
}

/** Calls a tool and returns the text of its answer. */
export const callTool = (
  url: string,
  key: string,
  name: string,
  args: Record<string, unknown> = {},
  timeoutMs = 60_000,
): Promise<string> =>
  withMcp(url, key, async (client) => {
    const answer = await client.callTool({ name, arguments: args }, undefined, { timeout: timeoutMs });
    return (answer.content as { text?: string }[]).map((part) => part.text ?? "").join("\n");
  });

/**
 * Asks LiteLLM itself for something that only its administrator may do; fails unless it is done.
 *
 * @param port On the host's loopback.
 */
export async function administer(port: number, masterKey: string, route: string, body: unknown): Promise<unknown> {
  const answer = await fetch(`http://127.0.0.1:${port}${route}`, {
    method: "POST",
    headers: { authorization: `Bearer ${masterKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, `${route}: ${await answer.clone().text()}`);
  return answer.json();
}

/** Waits until `condition` gives something, asking every half second or as often as told; fails with `what` after `seconds`. */
export async function eventually<T>(
  what: string,
  seconds: number,
  condition: () => Promise<T | undefined | false>,
  everyMs = 500,
): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const result = await condition();
    if (result !== undefined && result !== false) return result;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
