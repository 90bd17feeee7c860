/** A body that is not JSON as this program takes it; the message is for the client. */
export class BadJson extends Error {}

/** Deeper than any schema or argument of a real tool, and far from where LiteLLM's recursive logging begins to crawl. */
export const MOST_DEPTH = 64;

/**
 * Parses a body and refuses what two parsers could read differently: LiteLLM, in Python, must see what was checked here.
 * What goes on is written anew from the parsed value, so a key exists once and no byte of the client's passes through.
 *
 * @throws BadJson
 */
export function parseBody(body: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw new BadJson("the body is not UTF-8");
  }
  const depth = depthOf(text);
  if (depth > MOST_DEPTH) throw new BadJson(`the body is nested ${depth} deep; at most ${MOST_DEPTH}`);
  try {
    return JSON.parse(text, keepExact);
  } catch (error) {
    if (error instanceof BadJson) throw error;
    throw new BadJson(`the body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/** Greatest number of open brackets, told without recursion and before anything is built. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (quoted) {
      if (character === 0x5c) at += 1;
      else if (character === 0x22) quoted = false;
    } else if (character === 0x22) quoted = true;
    else if (character === 0x7b || character === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (character === 0x7d || character === 0x5d) depth -= 1;
  }
  return deepest;
}

/** Part of ECMAScript since 2025, in Node from 21 on; TypeScript's library does not have it yet. */
const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };

/** Whole numbers that JavaScript cannot hold, such as 64-bit ids, stay as they were written. */
function keepExact(this: unknown, key: string, value: unknown, context?: { readonly source?: string }): unknown {
  // As an assignment it would change the object's prototype wherever somebody copies the key.
  if (key === "__proto__") throw new BadJson("the key __proto__ is not allowed");
  if (typeof value !== "number") return value;
  if (!Number.isFinite(value)) throw new BadJson("a number in the body is too large");
  const isExact = !Number.isInteger(value) || Number.isSafeInteger(value);
  return isExact || !rawJSON || !context?.source ? value : rawJSON(context.source);
}
