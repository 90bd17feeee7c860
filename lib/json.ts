import { isUtf8 } from "node:buffer";

/** A body that is not JSON as this program takes it; the message is for the client. */
export class BadJson extends Error {}

/**
 * Deeper than any schema or argument of a real tool, and far from where LiteLLM's recursive logging begins to crawl.
 */
export const MOST_DEPTH = 64;
/**
 * Lists, objects, their entries and texts: parsed, each takes up to a hundred bytes, so that 8 MiB of `[],[],[]` would
 * be 200. Plain numbers, as in lists of tokens, are not counted.
 */
export const MOST_PARTS = 250_000;

/**
 * Parses a body and refuses what two parsers could read differently: LiteLLM, in Python, must see what was checked
 * here. What goes on is written from the parsed value, so a key exists once and no byte of the client's passes
 * through.
 *
 * @throws BadJson
 */
export function parseBody(body: Buffer): unknown {
  if (!isUtf8(body)) throw new BadJson("the body is not UTF-8");
  const text = body.toString("utf8");
  const { depth, parts, commas } = measure(text);
  if (parts > MOST_PARTS)
    throw new BadJson(`the body has ${parts} lists, objects, keys and texts; at most ${MOST_PARTS}`);
  if (depth > MOST_DEPTH) throw new BadJson(`the body is nested ${depth} deep; at most ${MOST_DEPTH}`);
  try {
    const value: unknown = JSON.parse(text);
    if (!hasInexact(value)) return value;
    // Seconds for millions of numbers, in which nobody else is served.
    if (commas > MOST_PARTS)
      throw new BadJson(
        `the body has whole numbers beyond 2^53 among ${commas} values; with such, at most ${MOST_PARTS}`,
      );
    return JSON.parse(text, keepExact);
  } catch (error) {
    if (error instanceof BadJson) throw error;
    throw new BadJson(`the body is not JSON: ${(error as Error).message.slice(0, 200)}`);
  }
}

/**
 * Greatest number of open brackets, and how much there is to build; told without recursion and before anything is
 * built.
 */
function measure(text: string): { readonly depth: number; readonly parts: number; readonly commas: number } {
  let depth = 0;
  let deepest = 0;
  let parts = 0;
  let commas = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (quoted) {
      if (character === 0x5c) at += 1;
      else if (character === 0x22) quoted = false;
    } else if (character === 0x22) {
      quoted = true;
      parts += 1;
    } else if (character === 0x7b || character === 0x5b) {
      deepest = Math.max(deepest, ++depth);
      parts += 1;
    } else if (character === 0x7d || character === 0x5d) depth -= 1;
    else if (character === 0x2c) commas += 1;
  }
  return { depth: deepest, parts, commas };
}

/**
 * Whether a whole number in it is one that JavaScript cannot hold.
 *
 * @throws BadJson for what must not be in a body at all.
 */
function hasInexact(value: unknown): boolean {
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new BadJson("a number in the body is too large");
    return Number.isInteger(value) && !Number.isSafeInteger(value);
  }
  if (typeof value !== "object" || value === null) return false;
  let found = false;
  if (Array.isArray(value)) for (const each of value) found = hasInexact(each) || found;
  else
    for (const [key, each] of Object.entries(value)) {
      // As an assignment it would change the object's prototype wherever somebody copies the key.
      if (key === "__proto__") throw new BadJson("the key __proto__ is not allowed");
      found = hasInexact(each) || found;
    }
  return found;
}

/** Part of ECMAScript since 2025, in Node from 21 on; TypeScript's library does not have it yet. */
const { rawJSON } = JSON as unknown as { rawJSON?: (text: string) => unknown };

/** Whole numbers that JavaScript cannot hold, such as 64-bit ids, stay as they were written. */
function keepExact(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isInexact = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  return isInexact && rawJSON && context?.source ? rawJSON(context.source) : value;
}
