import { z } from "zod";
import { isOffLanImage, isOffLanVariable, RISKS } from "../resolve/risks.ts";

export { strict } from "../../lib/strict.ts";

/**
 * Building blocks of the schemas. Every message says what to write; `Problems.parse` adds the file, the path and what
 * was found there. The same words are the `title` of a field in editors and in docs/settings.md. What a setting does is
 * its `description`, which each key has of its own.
 */

export const text = (pattern: RegExp, write: string) =>
  z.string({ error: write }).regex(pattern, { error: write }).meta({ title: write });

/** One of several words. */
export const oneOf = <const T extends readonly string[]>(words: T, write: string) =>
  z.enum(words, { error: write }).meta({ title: write });

/** A value, or for `null` (a YAML key with nothing behind it) an empty map. */
export const orEmpty = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null ? {} : value), schema);

/** `pulumi config set --path` leaves some numbers and booleans as text. */
const fromText = (value: unknown): unknown => {
  if (typeof value !== "string") return value;
  if (/^\d+(\.\d+)?$/.test(value)) return Number(value);
  return value === "true" ? true : value === "false" ? false : value;
};

const FLAG = "true or false";
export const flag = z.preprocess(fromText, z.boolean({ error: FLAG })).meta({ title: FLAG });

export const wholeNumber = (least: number, most: number, write: string) =>
  z
    .preprocess(fromText, z.int({ error: write }).min(least, { error: write }).max(most, { error: write }))
    .meta({ title: write });

export const positiveNumber = (write: string) =>
  z.preprocess(fromText, z.number({ error: write }).positive({ error: write })).meta({ title: write });

export const port = wholeNumber(1, 65535, "a port, 1 to 65535");
export const memoryMiB = wholeNumber(16, 1_048_576, "MiB as a whole number from 16");

export const serverName = text(
  /^[a-z][a-z0-9_]*$/,
  "a server's name: lower-case letters, digits and _, beginning with a letter",
);
export const clientName = text(
  /^[a-z][a-z0-9-]*$/,
  "a client's name: lower-case letters, digits and -, beginning with a letter",
);
export const groupName = text(
  /^[a-z][a-z0-9_-]*$/,
  "a group's name: lower-case letters, digits, _ and -, beginning with a letter",
);
export const secretName = text(
  /^[A-Za-z][A-Za-z0-9_]*$/,
  "a secret's name: letters, digits and _, beginning with a letter",
);
/** A Postgres identifier that needs no quotes. */
export const sqlName = text(
  /^[a-z_][a-z0-9_]{0,62}$/,
  "a Postgres name: lower-case letters, digits and _, at most 63 characters",
);
export const networkName = text(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, "a network's name, such as postgres-net");
export const absolutePath = text(/^\/\S*$/, "an absolute path without spaces, such as /srv/data");

/** Variables that decide how the container itself works. */
const RESERVED_VARIABLES = ["PATH", "LD_PRELOAD"];
export const variableName = text(
  /^[A-Za-z_][A-Za-z0-9_]*$/,
  "a variable's name: letters, digits and _, not beginning with a digit",
)
  .refine((name) => !RESERVED_VARIABLES.includes(name), {
    error: `a variable other than ${RESERVED_VARIABLES.join(" and ")}, which the image sets`,
  })
  // The adapter reads these, and its server gets none of them.
  .refine((name) => !name.startsWith("ADAPTER_"), { error: "a variable whose name does not begin with ADAPTER_" })
  .refine((name) => !isOffLanVariable(name), { error: "leave it out: plain HTTP only, no certificates, no proxy" });

export const risk = oneOf(RISKS, `a risk: ${RISKS.join(", ")}`);

export const list = <T extends z.ZodType>(item: T, write: string) =>
  z.array(item, { error: write }).meta({ title: write });
export const filledList = <T extends z.ZodType>(item: T, write: string) => list(item, write).min(1, { error: write });

/** A map from `key` to `value`. */
export const map = <K extends z.ZodType<string, string>, V extends z.ZodType>(key: K, value: V, write: string) =>
  z.record(key, value, { error: write }).meta({ title: write });

const IMAGE_ADVICE =
  "an image with a fixed tag or digest, such as name:1.2.3 or name@sha256:…; tags such as latest move";

const OFF_LAN_ADVICE =
  "another image: no reverse proxy, identity provider, tunnel or certificate client; clients reach the gateway at its address and port";

/**
 * An image that stays the same: `name:tag` with a tag that is not a moving one, or `name@sha256:…`. An image that
 * changes under its name is a change that no preview shows.
 */
export const image = z
  .string({ error: IMAGE_ADVICE })
  .meta({ title: IMAGE_ADVICE })
  .superRefine((value, context) => {
    const { tag, digest } = parseImage(value);
    const moving = tag === undefined || /^(main-)?(latest|stable)$/.test(tag);
    if (/\s/.test(value) || (!digest && moving)) context.addIssue({ code: "custom", message: IMAGE_ADVICE });
    if (isOffLanImage(value)) context.addIssue({ code: "custom", message: OFF_LAN_ADVICE });
  });

/** Tag and digest of an image reference; a colon before the last slash is a registry's port. */
export function parseImage(reference: string): {
  readonly tag: string | undefined;
  readonly digest: string | undefined;
} {
  const [name = "", digest] = reference.split("@", 2);
  const tag = /:([\w][\w.-]*)$/.exec(name.slice(name.lastIndexOf("/") + 1))?.[1];
  return { tag, digest: digest && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : undefined };
}
