import { isMap } from "./is-map.ts";

/**
 * What people would rather not have in records. Each pattern means the same to JavaScript and to Python, which masks
 * LiteLLM's rows (`components/gateway/mask_tool_calls.py`); none repeats without a bound what it repeats within.
 */
export const SENSITIVE = {
  email: String.raw`(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}`,
  phone: String.raw`\+[0-9](?:[ ./()-]{0,2}[0-9]){7,14}`,
  iban: String.raw`\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b`,
  card: String.raw`\b[3-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}\b`,
  token: [
    String.raw`\bsk-[A-Za-z0-9_-]{16,}`,
    String.raw`\bgh[pousr]_[A-Za-z0-9]{20,}`,
    String.raw`\bgithub_pat_[A-Za-z0-9_]{20,}`,
    String.raw`\bglpat-[A-Za-z0-9_-]{16,}`,
    String.raw`\bxox[abprs]-[A-Za-z0-9-]{10,}`,
    String.raw`\bAKIA[0-9A-Z]{16}\b`,
    String.raw`\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}`,
  ].join("|"),
  privateKey: String.raw`-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[A-Za-z0-9+/=\s]*(?:-----END [A-Z ]{0,30}PRIVATE KEY-----)?`,
} as const;

export type Sensitive = keyof typeof SENSITIVE;
export const SENSITIVE_KINDS = Object.keys(SENSITIVE) as [Sensitive, ...Sensitive[]];

const textOf = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : undefined);

/** The first of these kinds that is in a value of JSON, at any depth, names of fields included. */
export function findSensitive(value: unknown, kinds: readonly Sensitive[]): Sensitive | undefined {
  const text = textOf(value);
  if (text !== undefined) return kinds.find((kind) => new RegExp(SENSITIVE[kind]).test(text));
  const inner = Array.isArray(value) ? value : isMap(value) ? Object.entries(value).flat() : [];
  for (const each of inner) {
    const found = findSensitive(each, kinds);
    if (found) return found;
  }
  return undefined;
}

/** The same value with `[kind]` in place of each of these. */
export function maskSensitive(value: unknown, kinds: readonly Sensitive[]): unknown {
  const text = textOf(value);
  if (text !== undefined) {
    const masked = maskText(text, kinds);
    return masked === text ? value : masked;
  }
  if (Array.isArray(value)) return value.map((each) => maskSensitive(each, kinds));
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [maskText(name, kinds), maskSensitive(each, kinds)]),
  );
}

export const maskText = (text: string, kinds: readonly Sensitive[]) =>
  kinds.reduce((masked, kind) => masked.replace(new RegExp(SENSITIVE[kind], "g"), `[${kind}]`), text);
