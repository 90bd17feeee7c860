import { z } from "zod";
import { dotted } from "../../lib/dotted.ts";
import { isMap } from "../../lib/is-map.ts";

/**
 * What the bodies of all routes are made of. LiteLLM takes any key of a body for a parameter of its own, so every
 * object here is strict, at every depth: what a schema does not name does not get through. Adding a parameter of a
 * provider's API is one line in the file of its route.
 */

export interface BodyProblem {
  /** Dotted, for example `messages[0].content[1].foo`; empty for the body as a whole. */
  readonly path: string;
  readonly message: string;
}

/** A tool of `type: mcp` of /v1/responses. */
export interface McpTool {
  readonly serverLabel: string;
  /** The servers or groups that its address names; undefined: all of the client's. */
  readonly servers: readonly string[] | undefined;
  readonly allowedTools: readonly string[] | undefined;
  readonly requireApproval: "never" | "always";
}

export type AcceptedBody = {
  readonly ok: true;
  /** What is sent to LiteLLM. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly stream: boolean;
  readonly mcpTools: readonly McpTool[];
};
export type RefusedBody = { readonly ok: false; readonly problems: readonly BodyProblem[] };

const MOST_PROBLEMS = 20;
const LONGEST_NAME = 64;
export const MOST_MESSAGES = 2_000;
export const MOST_TOOLS = 512;
/**
 * Providers' own schemas and arguments are far flatter; what is nested deeper costs every recursive reader behind us.
 */
const DEEPEST = 64;

// Texts.

/**
 * What LiteLLM replaces by a variable of its process, the content of a file or a token fetched over the network, when
 * it is the value of a parameter (utils.py:1124, secret_managers/main.py:93). It looks for the bare beginning; blanks
 * and capitals are refused as well, because nobody needs them.
 */
export const isReference = (value: string): boolean => /^\s*(os\.environ|oidc)\//i.test(value);

const NO_REFERENCE =
  "write a text that does not begin with os.environ/ or oidc/: LiteLLM would read it as the name of a secret";

/** What a person or a model wrote: anything. Only for places that LiteLLM does not take for a parameter. */
export const content = z.string();

/** The text of a parameter. */
export const parameter = (longest: number) =>
  z
    .string()
    .max(longest, { error: `write a text of at most ${longest} characters` })
    .refine((value) => !isReference(value), { error: NO_REFERENCE });

/** A text of any length beside the content: descriptions, titles, signatures, encrypted parts. */
export const label = z.string().refine((value) => !isReference(value), { error: NO_REFERENCE });

/** Providers put more than an id into some ids. */
export const id = parameter(65_536);

const LONGEST_PATTERN = 4_096;
/** A short text of a certain form, which is never that of a reference. */
export const pattern = (regex: RegExp, write: string) =>
  z
    .string({ error: write })
    .refine((value) => value.length <= LONGEST_PATTERN && regex.test(value) && !isReference(value), { error: write });

/**
 * One of a provider's words, such as `medium` or `in_progress`. Not enumerated: new ones come often and steer nothing
 * in LiteLLM.
 */
export const option = pattern(
  /^[a-z0-9][a-z0-9_.-]{0,99}$/,
  "write one word of lower-case letters, digits, _, . and -",
);

export const toolName = pattern(/^[A-Za-z0-9_.-]{1,128}$/, "write a name of 1 to 128 letters, digits, _, . and -");

/**
 * Not a list: LiteLLM asks each model of `a,b` (route_llm_request.py:86). Not a pattern: `*` stands for what the router
 * cannot find.
 */
export const model = pattern(
  /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}$/,
  "write the name of one model, as /v1/models lists it",
);

/**
 * A file that the provider keeps. For Gemini, Bedrock and others LiteLLM takes a file_id for an address and downloads
 * it (prompt_templates/factory.py:3379), and one in base64 for the name of a model (its managed files).
 */
export const fileId = pattern(
  /^(file|assistant|cfile|container)[-_][A-Za-z0-9_-]{1,200}$/,
  "write a provider's file id, such as file-abc123; addresses are not accepted",
);

/** An id of something else that the provider keeps: containers, stored items, vector stores, skills. */
export const resourceId = pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/, "write an id of letters, digits, _ and -");

const BASE64 = /[A-Za-z0-9+/=_\-\r\n]*/y;
/** A sticky pattern from the place given, for texts of many megabytes: no copy is made. */
function isBase64From(value: string, start: number): boolean {
  BASE64.lastIndex = start;
  return BASE64.test(value) && BASE64.lastIndex === value.length;
}

const DATA_URL = "write the content itself as data:<media type>;base64,<data>: the gateway downloads no addresses";
/** Heads are short; a repeated group over megabytes would exhaust the stack of the engine of regular expressions. */
const LONGEST_HEAD = 256;
const DATA_URL_HEAD = /^data:[a-z]+\/[A-Za-z0-9.+-]+(;[A-Za-z0-9-]+=[A-Za-z0-9._"-]*)*;base64,/;

/**
 * LiteLLM downloads other addresses from where it is, with what it can reach there, for every provider that wants the
 * bytes.
 */
export const dataUrl = z.string({ error: DATA_URL }).refine(
  (value) => {
    const head = DATA_URL_HEAD.exec(value.slice(0, LONGEST_HEAD));
    return head !== null && isBase64From(value, head[0].length);
  },
  { error: DATA_URL },
);

export const base64 = z.string().refine((value) => isBase64From(value, 0), { error: "write data in base64" });

// Numbers. zod's are finite, its integers safe; a larger integer that the parser kept as its text is an object here, so
// a wrong type.

export const number = z.number();
export const whole = z.int();
export const flag = z.boolean();

// Objects and lists.

export const strict = <S extends z.ZodRawShape>(shape: S) => z.strictObject(shape);

/** May be left out or null, as the SDKs do. */
export const maybe = <T extends z.ZodType>(schema: T) => schema.nullish();

const SYNCHRONOUS: z.core.ParseContextInternal = { async: false };
/**
 * A list that is not looked at further than its first problems: zod's own collects all of them, and a body of 8 MB of
 * wrong entries would keep the process busy for seconds. (`_zod.run` is what zod's list calls; `safeParse` for each
 * entry is eight times as slow.)
 */
export const list = <T extends z.ZodType>(item: T, most: number = MOST_MESSAGES) =>
  z
    .array(z.custom<z.infer<T>>())
    .max(most, { abort: true })
    .check(({ value, issues }) => {
      for (const [index, entry] of value.entries()) {
        const checked = item._zod.run({ value: entry, issues: [] }, SYNCHRONOUS) as z.core.ParsePayload;
        for (const issue of checked.issues) {
          issues.push({ ...issue, path: [index, ...(issue.path ?? [])] });
          if (issues.length >= MOST_PROBLEMS) return;
        }
      }
    });

/** One of several kinds of JSON: a text or an object, say. */
export const either = <const O extends readonly [z.ZodType, ...z.ZodType[]]>(write: string, ...kinds: O) =>
  z.union(kinds, { error: `write ${write}` });

/** A text, or a list of parts. */
export const textOr = <T extends z.ZodType>(part: T) => either("a text or a list of parts", content, list(part));

/** A parameter of the provider's API that clients of this gateway do not get, and why. */
export const refused = (why: string) => z.null({ error: why }).optional();

type Typed = z.core.$ZodTypeDiscriminable;

/** Objects told apart by `key`. `reasons` says of types that are known and refused what to do instead. */
export function oneOf<const O extends readonly [Typed, ...Typed[]]>(
  key: string,
  options: O,
  reasons: Readonly<Record<string, string>> = {},
) {
  const known = options
    .flatMap((each) => [...(each._zod.propValues?.[key] ?? [])])
    .filter((each) => typeof each === "string")
    .join(", ");
  return z.discriminatedUnion(key, options, {
    error: ({ code, input }) => {
      if (code !== "invalid_union") return `write an object with a ${key}: ${known}`;
      const found = (input as Record<string, unknown>)[key];
      const reason = typeof found === "string" && Object.hasOwn(reasons, found) ? reasons[found] : undefined;
      return reason ?? `write one of ${known}`;
    },
  });
}

/** What the parser makes of an integer beyond 2^53, so that it stays as it was; a map of one text to everybody else. */
const isRawJson = (value: unknown) =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === null && "rawJSON" in value;

/** A map of the client's own names. */
export const pairs = <V extends z.ZodType>(name: z.ZodType<string, string>, value: V) =>
  z
    .custom<unknown>((found) => !isRawJson(found), { error: "write an object", abort: true })
    .pipe(z.record(name, value));

// Free-form parts.

/** Arguments of tools and the like, as they are. */
export const freeForm = z.custom<unknown>((value) => value !== undefined && isShallow(value, DEEPEST), {
  error: `write JSON that is nested at most ${DEEPEST} deep`,
});

export const jsonSchema = z.custom<object>((value) => isMap(value) && isShallow(value, DEEPEST), {
  error: `write a JSON Schema as an object that is nested at most ${DEEPEST} deep`,
});

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (levels === 0) return false;
  if (Array.isArray(value)) return value.every((each) => isShallow(each, levels - 1));
  for (const key in value) if (!isShallow((value as Record<string, unknown>)[key], levels - 1)) return false;
  return true;
}

/** A client's marks on its own request: 16 pairs of short texts. `withoutMarks` keeps them back. */
export const metadata = pairs(
  pattern(/^[^]{1,64}$/, "write a name of 1 to 64 characters"),
  z.string().max(512, { error: "write a text of at most 512 characters" }),
).refine((marks) => Object.keys(marks).length <= 16, { error: "write at most 16 pairs" });

/**
 * LiteLLM keeps what it knows about a request in the client's own `metadata` (/v1/chat/completions), and looks there as
 * well where it has a place of its own (`user_api_key_team_id` of /v1/responses: route_llm_request.py:43,
 * router.py:6653). Which names it reads is different in each version, so none reach it.
 */
export function withoutMarks(body: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const sent = { ...body };
  delete sent.metadata;
  // Codex's, for OpenAI's own service.
  delete sent.client_metadata;
  return sent;
}

// Problems.

type Issue = z.core.$ZodIssue;

/** What to write, where the schema itself does not say it. */
function advice(issue: z.core.$ZodRawIssue): string | undefined {
  const write = issue.input === undefined ? "missing: write" : "write";
  switch (issue.code) {
    case "invalid_type":
      return `${write} ${KINDS[issue.expected] ?? "what the API has here"}`;
    case "invalid_value":
      return `${write} ${issue.values.length > 1 ? "one of " : ""}${issue.values.map(String).join(", ")}`;
    case "too_big":
      return `write at most ${issue.maximum}${issue.origin === "array" ? " entries" : ""}`;
    case "too_small":
      return `write at least ${issue.minimum}${issue.origin === "array" ? (issue.minimum === 1 ? " entry" : " entries") : ""}`;
    case "unrecognized_keys":
      return UNKNOWN;
    default:
      return undefined;
  }
}

const UNKNOWN = "unknown parameter";
const KINDS: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a finite number",
  int: "a whole number below 2^53",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  record: "an object",
  null: "null",
};

/** Names in a problem are the client's: cut, because one of them may be as long as the body. */
const short = (name: PropertyKey) =>
  typeof name === "string" && name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;

function* problemsOf(issues: readonly Issue[], at: readonly PropertyKey[]): Generator<BodyProblem> {
  for (const issue of issues) {
    const path = [...at, ...issue.path].map(short);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) yield { path: dotted("", [...path, short(key)]), message: UNKNOWN };
    } else if (issue.code === "invalid_key") {
      yield { path: dotted("", path), message: issue.issues[0]?.message ?? issue.message };
    } else if (issue.code === "invalid_union" && issue.errors.length > 0) {
      // Of the forms that a value may have, the one whose kind it is: its problems are what the client wants to know.
      const meant = issue.errors.filter(
        (each) =>
          !each.some(
            ({ code, path: inner }) => inner.length === 0 && (code === "invalid_type" || code === "invalid_value"),
          ),
      );
      if (meant.length === 1) yield* problemsOf(meant[0] ?? [], [...at, ...issue.path]);
      else yield { path: dotted("", path), message: issue.message };
    } else {
      yield { path: dotted("", path), message: issue.message };
    }
  }
}

/** The body as its schema knows it, or its first problems. */
export function check(
  schema: z.ZodType,
  value: unknown,
): { readonly body: Readonly<Record<string, unknown>> } | RefusedBody {
  const result = schema.safeParse(value, { error: advice });
  if (result.success) return { body: result.data as Record<string, unknown> };
  const problems: BodyProblem[] = [];
  for (const problem of problemsOf(result.error.issues, [])) {
    problems.push(problem);
    if (problems.length === MOST_PROBLEMS) break;
  }
  return { ok: false, problems };
}
