import { isJson, type Json } from "./messages.ts";

/** What libpq says when it finds that Postgres has ended a connection which a program had kept. */
const LOST =
  /server closed the connection unexpectedly|terminating connection due to administrator command|SSL connection has been closed unexpectedly/;

const EXPLAINED =
  "Postgres was started again since this server last asked it, and the server finds that out with the first call alone. Call the tool again: it then has a new connection.";

/**
 * What to say of a result that is nothing but this error, of servers that keep connections and do not look at them before
 * they use them (postgres-mcp 0.3.0: its pool can be told to by its code alone).
 */
export function lostDatabase({ content }: Json): string[] {
  const parts: unknown[] = Array.isArray(content) ? content : [];
  const [part, ...more] = parts;
  if (more.length || !isJson(part) || typeof part.text !== "string") return [];
  // Rows that a database gives may have such a text in them.
  return /^Error\b/.test(part.text) && LOST.test(part.text) ? [EXPLAINED] : [];
}
