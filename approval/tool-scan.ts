import type { Tool } from "./tool-lock.ts";

/**
 * What a suspicion is about. Other programs read these words (`--json`), so they stay as they are; docs/tool-approval.md
 * says what each means.
 */
export const SUSPICION_CODES = [
  "hidden-characters",
  "hidden-text",
  "out-of-sight",
  "encoded-text",
  "overrides-instructions",
  "conceals-from-user",
  "prompt-markup",
  "acts-first",
  "secret-files",
  "asks-for-context",
  "sends-data",
  "gives-role",
  "too-large",
] as const;
type SuspicionCode = (typeof SUSPICION_CODES)[number];

/** Something in a tool's texts that a person should look at before a model reads it. */
export interface Suspicion {
  readonly code: SuspicionCode;
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
const INSTRUCTIONS: readonly (readonly [SuspicionCode, string, RegExp])[] = [
  [
    "overrides-instructions",
    "sets aside other instructions",
    /\b(ignore|disregard|forget|override|bypass)\b[^.]{0,40}\b(previous|prior|above|earlier|preceding|other|all|any|your|system)\b[^.]{0,30}\b(instruction|prompt|rule|guideline|direction|polic(y|ie))/i,
  ],
  [
    "conceals-from-user",
    "keeps something from the user",
    /\b(do not|don'?t|never|must not|without|avoid)\b[^.]{0,20}\b(tell|inform|mention|notify|alert|reveal|disclos|say|show|ask)\w*\b[^.]{0,40}\b(users?|humans?|anyone|anybody|person)\b|\bsecretly\b/i,
  ],
  [
    "prompt-markup",
    "imitates markup of prompts",
    /<\/?\s*(important|system|instructions?|secret|hidden|assistant|admin|critical|override)\b[^>]{0,40}>|<\|[\w ]+\|>|\[\/?INST\]|<!--/i,
  ],
  [
    "acts-first",
    "makes the model do something else first",
    /\b(before|prior to|when(ever)?|after|each time)\b[^.]{0,20}\b(us(e|ing)|call(ing)?|invok(e|ing)|run(ning)?)\b[^.]{0,40}\b(tools?|functions?|it)\b[^.]{0,60}\b(read|open|cat|load|access|send|upload|post|forward|include|pass|collect)\b/i,
  ],
  [
    "secret-files",
    "names files with secrets",
    /\.ssh\b|\bid_(rsa|ed25519)\b|\.aws\/|\.netrc\b|\/etc\/(passwd|shadow)\b|(^|[\s/"'`~])\.env\b|\bmcp\.json\b|\.claude\b|\.codex\b|\.gemini\b|\.cursor\b/i,
  ],
  [
    "asks-for-context",
    "asks for what the model knows",
    /\b(system prompt|(conversation|chat|message) history|(entire|whole|full) conversation|previous messages)\b/i,
  ],
  [
    "sends-data",
    "has data sent to an address",
    /\b(send|forward|post|upload|bcc|cc|transmit|exfiltrate|leak|copy)\b[^.]{0,60}\bto\b[^.]{0,30}(https?:\/\/|[\w.+-]+@[\w-]+\.[a-z]{2,})/i,
  ],
  [
    "gives-role",
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
  const add = (code: SuspicionCode, what: string, quote: string) =>
    found.push({ code, where, what, quote: visible(shortened(quote)) });

  const hidden = text.replace(EMOJI_PARTS, "").match(HIDDEN) ?? [];
  if (hidden.length) {
    const kinds = [...new Set(hidden.map(codePoint))];
    add(
      "hidden-characters",
      `${hidden.length} hidden characters (${kinds.slice(0, 5).join(", ")}${kinds.length > 5 ? ", …" : ""})`,
      aroundHidden(text),
    );
    // Tag characters are a copy of ASCII: what they spell is what a model may read.
    const spelt = hidden
      .filter((one) => /[\u{E0020}-\u{E007E}]/u.test(one))
      .map((one) => String.fromCodePoint(one.codePointAt(0)! - 0xe0000));
    if (spelt.length) add("hidden-text", "text in tag characters", spelt.join(""));
  }
  if (OUT_OF_SIGHT.test(text))
    add("out-of-sight", "blank space that pushes text out of sight", text.replace(/\s+/g, " ").slice(-LONGEST_QUOTE));

  // Look-alikes of Latin letters and split words would otherwise pass.
  const plain = text.normalize("NFKC").replace(HIDDEN, "").replace(/\s+/g, " ");
  for (const [code, what, pattern] of INSTRUCTIONS) {
    const match = pattern.exec(plain);
    if (match) add(code, what, match[0].trim());
  }
  const encoded = encodedIn(plain);
  if (encoded) add("encoded-text", "encoded text", encoded);
  return found;
}

function aroundHidden(text: string): string {
  const at = text.replace(EMOJI_PARTS, (part) => "x".repeat(part.length)).search(HIDDEN);
  return text.slice(Math.max(0, at - 20), at + 60);
}

/** A schema that is larger or deeper than this is one that nobody reads. */
const MOST_TEXTS = 20_000;
const DEEPEST = 64;
const LONGEST_PLACE = 200;

/** A text, and where in the schema it is; undefined in place of what was too deep or too much to be looked at. */
type Found = readonly [place: string, text: string | undefined];

/**
 * Every text of a schema with its place: descriptions, titles, defaults, examples, what is in enums, and names of
 * properties, all of which a model reads. It goes over a list of what is left instead of calling itself, so that no
 * depth ends the program.
 */
function* textsOf(schema: unknown): Generator<Found> {
  const left: { readonly value: unknown; readonly place: string; readonly depth: number; readonly key?: string }[] = [
    { value: schema, place: "", depth: 0 },
  ];
  for (let texts = 0; left.length;) {
    const { value, place, depth, key } = left.pop()!;
    if (texts > MOST_TEXTS) return void (yield [place, undefined]);
    if (key !== undefined) yield [place, key];
    if (typeof value === "string") yield [place, value];
    texts += Number(key !== undefined) + Number(typeof value === "string");
    if (typeof value !== "object" || value === null) continue;
    const inside = Object.entries(value).map(([name, inner]) => ({
      value: inner as unknown,
      place: (place ? `${place}.${name}` : name).slice(0, LONGEST_PLACE),
      depth: depth + 1,
      ...(!Array.isArray(value) && { key: name }),
    }));
    if (inside.length && depth >= DEEPEST) yield [place, undefined];
    else for (const one of inside.reverse()) left.push(one);
  }
}

function inSchema(schema: unknown): Suspicion[] {
  const found: Suspicion[] = [];
  let unread: string | undefined;
  for (const [place, text] of textsOf(schema)) {
    const where = `input schema: ${visible(place)}`;
    if (text === undefined) unread ??= where;
    else found.push(...inText(where, text));
  }
  if (unread !== undefined)
    found.push({ code: "too-large", where: unread, what: "more than anybody reads, not looked through", quote: "" });
  return found;
}

/**
 * What looks like a trick in a tool's name, description and input schema. It finds what is known and crude; a tool
 * without suspicions is not thereby harmless.
 */
export const suspicionsOf = (tool: Tool): Suspicion[] => [
  ...inText("name", tool.name),
  ...inText("description", tool.description),
  ...inSchema(tool.inputSchema),
];
