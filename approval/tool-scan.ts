import type { Tool } from "./tool-lock.ts";

/** Something in a tool's texts that a person should look at before a model reads it. */
export interface Suspicion {
  /** `name`, `description` or a place in the input schema, such as `input schema: properties.sql.description`. */
  readonly where: string;
  readonly what: string;
  /** The passage, with what is invisible made visible. */
  readonly quote: string;
}

/**
 * Characters that show nothing, or reorder what is shown: format characters (zero-width, bidi controls, tags), what
 * renderers leave out by default (variation selectors, fillers), private use, halves of surrogate pairs, and controls
 * but tab and line ends.
 */
const HIDDEN = /[\p{Cf}\p{Default_Ignorable_Code_Point}\p{Co}\p{Cs}]|(?![\t\n\r])\p{Cc}/gu;
/** One variation selector after an emoji, or a joiner between two: how ordinary emoji are written. */
const EMOJI_PARTS =
  /(?<=\p{Emoji})[\u{FE0E}\u{FE0F}](?![\u{FE00}-\u{FE0F}])|(?<=\p{Extended_Pictographic}[\u{FE0F}\u{1F3FB}-\u{1F3FF}]?)\u{200D}(?=\p{Extended_Pictographic})/gu;

const codePoint = (character: string) => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}`;

/**
 * A server's text for a terminal or a log: every hidden character as its number, so that it neither hides nor steers
 * anything.
 */
export const visible = (shown: string) =>
  shown.replace(/\r/g, "<U+000D>").replace(HIDDEN, (character) => `<${codePoint(character)}>`);

/** Ways to instruct the model instead of describing the tool; each looks at one line without hidden characters. */
const INSTRUCTIONS: readonly (readonly [string, RegExp])[] = [
  [
    "sets aside other instructions",
    /\b(ignore|disregard|forget|override|bypass)\b[^.]{0,40}\b(previous|prior|above|earlier|preceding|other|all|any|your|system)\b[^.]{0,30}\b(instruction|prompt|rule|guideline|direction|polic(y|ie))/i,
  ],
  [
    "keeps something from the user",
    /\b(do not|don'?t|never|must not|without|avoid)\b[^.]{0,20}\b(tell|inform|mention|notify|alert|reveal|disclos|say|show|ask)\w*\b[^.]{0,40}\b(users?|humans?|anyone|anybody|person)\b|\bsecretly\b/i,
  ],
  [
    "imitates markup of prompts",
    /<\/?\s*(important|system|instructions?|secret|hidden|assistant|admin|critical|override)\b[^>]{0,40}>|<\|[\w ]+\|>|\[\/?INST\]|<!--/i,
  ],
  [
    "makes the model do something else first",
    /\b(before|prior to|when(ever)?|after|each time)\b[^.]{0,20}\b(us(e|ing)|call(ing)?|invok(e|ing)|run(ning)?)\b[^.]{0,40}\b(tools?|functions?|it)\b[^.]{0,60}\b(read|open|cat|load|access|send|upload|post|forward|include|pass|collect)\b/i,
  ],
  [
    "names files with secrets",
    /\.ssh\b|\bid_(rsa|ed25519)\b|\.aws\/|\.netrc\b|\/etc\/(passwd|shadow)\b|(^|[\s/"'`~])\.env\b|\bmcp\.json\b|\.claude\b|\.codex\b|\.gemini\b|\.cursor\b/i,
  ],
  [
    "asks for what the model knows",
    /\b(system prompt|(conversation|chat|message) history|(entire|whole|full) conversation|previous messages)\b/i,
  ],
  [
    "has data sent to an address",
    /\b(send|forward|post|upload|bcc|cc|transmit|exfiltrate|leak|copy)\b[^.]{0,60}\bto\b[^.]{0,30}(https?:\/\/|[\w.+-]+@[\w-]+\.[a-z]{2,})/i,
  ],
  [
    "gives the model a role",
    /\byou are (now|no longer)\b|\bnew instructions?:|\bact as (if|though|an? (admin|root|system))\b/i,
  ],
];

/**
 * Text that is encoded, not written: nobody reads it, and a model may decode it. Long words and rulers (-----) are
 * none.
 */
function encodedIn(text: string): string | undefined {
  const [escaped] = /(\\(x|u00)[0-9a-f]{2}){8,}/i.exec(text) ?? [];
  const runs = [...text.matchAll(/[A-Za-z0-9+/_-]{80,}={0,2}/g)].map(([run]) => run);
  return (
    escaped ??
    runs.find((run) => /^(?=.*\d)[0-9a-f]+$/i.test(run) || [/[a-z]/, /[A-Z]/, /\d/].every((kind) => kind.test(run)))
  );
}
const OUT_OF_SIGHT = /[^\S\n]{60,}|(\n[^\S\n]*){12,}/;

const LONGEST_QUOTE = 160;
const shortened = (quote: string) => (quote.length > LONGEST_QUOTE ? `${quote.slice(0, LONGEST_QUOTE)}…` : quote);

function inText(where: string, text: string): Suspicion[] {
  const found: Suspicion[] = [];
  const add = (what: string, quote: string) => found.push({ where, what, quote: visible(shortened(quote)) });

  const hidden = text.replace(EMOJI_PARTS, "").match(HIDDEN) ?? [];
  if (hidden.length) {
    const kinds = [...new Set(hidden.map(codePoint))];
    add(
      `${hidden.length} hidden characters (${kinds.slice(0, 5).join(", ")}${kinds.length > 5 ? ", …" : ""})`,
      aroundHidden(text),
    );
    // Tag characters are a copy of ASCII: what they spell is what a model may read.
    const spelt = hidden
      .filter((one) => /[\u{E0020}-\u{E007E}]/u.test(one))
      .map((one) => String.fromCodePoint(one.codePointAt(0)! - 0xe0000));
    if (spelt.length) add("text in tag characters", spelt.join(""));
  }
  if (OUT_OF_SIGHT.test(text))
    add("blank space that pushes text out of sight", text.replace(/\s+/g, " ").slice(-LONGEST_QUOTE));

  // Look-alikes of Latin letters and split words would otherwise pass.
  const plain = text.normalize("NFKC").replace(HIDDEN, "").replace(/\s+/g, " ");
  for (const [what, pattern] of INSTRUCTIONS) {
    const match = pattern.exec(plain);
    if (match) add(what, match[0].trim());
  }
  const encoded = encodedIn(plain);
  if (encoded) add("encoded text", encoded);
  return found;
}

function aroundHidden(text: string): string {
  const at = text.replace(EMOJI_PARTS, (part) => "x".repeat(part.length)).search(HIDDEN);
  return text.slice(Math.max(0, at - 20), at + 60);
}

/** Every text of a schema with its place: names of properties and what is in enums are read by a model as well. */
function* textsOf(value: unknown, place: string): Generator<readonly [string, string]> {
  if (typeof value === "string") yield [place, value];
  else if (typeof value === "object" && value !== null)
    for (const [key, inner] of Object.entries(value)) {
      const inside = place ? `${place}.${key}` : key;
      if (!Array.isArray(value)) yield [inside, key];
      yield* textsOf(inner, inside);
    }
}

/**
 * What looks like a trick in a tool's name, description and input schema. It finds what is known and crude; a tool
 * without suspicions is not thereby harmless.
 */
export function suspicionsOf(tool: Tool): Suspicion[] {
  const schema = [...textsOf(tool.inputSchema, "")].flatMap(([place, text]) =>
    inText(`input schema: ${visible(place)}`, text),
  );
  return [...inText("name", tool.name), ...inText("description", tool.description), ...schema];
}
