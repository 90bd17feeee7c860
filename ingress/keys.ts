import type { IncomingMessage } from "node:http";
import { Refusal } from "./refusal.ts";
import { type ClientRights, keyHash, type Rights } from "./rights.ts";

/** Headers that must not be sent twice: one program would read the first, another the second. */
const ONCE = [
  "authorization",
  "x-api-key",
  "x-litellm-api-key",
  "content-length",
  "content-type",
  "content-encoding",
  "transfer-encoding",
  "host",
  "x-mcp-servers",
  "x-mcp-access-groups",
];

/** @throws Refusal when a header that must be unique was sent twice. */
export function checkHeaders({ rawHeaders }: IncomingMessage): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!.toLowerCase();
    if (seen.has(name) && ONCE.includes(name))
      throw new Refusal(400, "bad request", `the header ${name} is there twice`);
    seen.add(name);
  }
  if (seen.has("content-length") && seen.has("transfer-encoding"))
    throw new Refusal(400, "bad request", "content-length and transfer-encoding exclude each other");
}

/**
 * The key of a request, as OpenAI's clients and MCP clients send it (`Authorization: Bearer`), Anthropic's
 * (`x-api-key`), or LiteLLM's own (`x-litellm-api-key`).
 */
export function keyOf({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
  const bare = (value: unknown) => (typeof value === "string" ? value.replace(/^bearer +/i, "").trim() : undefined);
  const authorization =
    typeof headers.authorization === "string" && /^bearer +/i.test(headers.authorization)
      ? bare(headers.authorization)
      : undefined;
  const keys = [
    ...new Set([authorization, bare(headers["x-api-key"]), bare(headers["x-litellm-api-key"])].filter((key) => key)),
  ];
  if (keys.length > 1) throw new Refusal(400, "bad request", "the request has two different keys");
  return keys[0];
}

/**
 * Whose request it is.
 *
 * @throws Refusal 401. It has no WWW-Authenticate, with which MCP clients would begin to look for an OAuth server.
 */
export function clientOf(rights: Rights, key: string | undefined): ClientRights {
  if (key === undefined)
    throw new Refusal(
      401,
      "no key",
      "no key: send the header Authorization: Bearer sk-… with the key of a client of this gateway",
    );
  const hash = keyHash(key);
  const client = rights.clients.find((one) => one.keyHash === hash);
  if (!client)
    throw new Refusal(
      401,
      "unknown key",
      "wrong key: this gateway has no client with it (npm run clients writes the right ones)",
    );
  return client;
}
