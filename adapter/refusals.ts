import type { IncomingMessage } from "node:http";
import { parseBody } from "../lib/json.ts";
import { kindOf, type Limits, readBody } from "./answers.ts";
import { isJson, type Json } from "./messages.ts";

const ERROR_BYTES = 64 * 1_024;

export const isFine = ({ statusCode = 0 }: IncomingMessage) => statusCode >= 200 && statusCode < 300;

/** Many frameworks redirect from a path to the same with a slash at its end; where else to, is the server's to say, and not shown. */
export function redirects({ statusCode, headers: { location = "" } }: IncomingMessage, from: URL): string {
  const to = URL.parse(location, from);
  const isSlash = to?.origin === from.origin && to.pathname === `${from.pathname}/`;
  return `redirects (HTTP ${statusCode}), which is not followed${isSlash ? ": its path has a slash at the end" : ""}`;
}

export function noStream(response: IncomingMessage, url: URL): string {
  const { statusCode: status = 0 } = response;
  if (isFine(response)) return "answered with no stream of events";
  if (status < 400) return redirects(response, url);
  if (status === 401 || status === 403) return `refuses the adapter's credentials (HTTP ${status})`;
  return `answered HTTP ${status}`;
}

/** The error of the protocol that is in an error of HTTP, if there is one. */
export async function errorIn(response: IncomingMessage, { room }: Limits): Promise<Json | undefined> {
  if (kindOf(response) !== "json") return undefined;
  try {
    const body = parseBody(await readBody(response, { most: ERROR_BYTES, room }));
    return isJson(body) && isJson(body.error) ? body : undefined;
  } catch {
    // Too large, broken off, or no JSON: it says nothing that could be passed on.
    return undefined;
  }
}
