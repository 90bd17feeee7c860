import { bech32 } from "@scure/base";
import { z } from "zod";
import { absolutePath, image, list, orEmpty, strict, text, wholeNumber } from "./fields.ts";

const RECIPIENT =
  "a recipient of age, the public half of a key, as `npm run backup -- --new-identity FILE` or age-keygen prints it: age1 and 58 more letters and digits";

/**
 * Of the kind that each version of age knows. A letter that is another one is found here: age would say it of the first backup
 * alone, and the library that the commands use takes a second to load.
 */
export const recipient = z
  .string({ error: RECIPIENT })
  .refine((value) => isRecipient(value), { error: RECIPIENT })
  .meta({ title: RECIPIENT });

function isRecipient(value: string): boolean {
  if (!value.startsWith("age1")) return false;
  const decoded = bech32.decodeUnsafe(value);
  return decoded?.prefix === "age" && bech32.fromWordsUnsafe(decoded.words)?.length === 32;
}

export const backup = orEmpty(
  strict({
    at: text(/^([01]\d|2[0-3]):[0-5]\d$/, "a time of the day in UTC, such as 03:30")
      .default("03:30")
      .describe("When it is made each day, in UTC. One that failed is tried again each hour."),
    keep: wholeNumber(1, 366, "a whole number of backups, 1 to 366")
      .default(7)
      .describe("How many are kept. An older one is removed only when there are so many newer ones that are whole."),
    to: absolutePath
      .optional()
      .describe(
        "A directory of the host, best on another disk or a mount of another machine's; made where it is not there; they are in `nightly-<stack>` in it. Left out, a volume that outlives the stack.",
      ),
    recipients: list(recipient, 'a list of recipients of age, such as ["age1…"]')
      .default([])
      .describe(
        "For whom backups are encrypted, by `age` (https://age-encryption.org), those of `npm run backup` as well. Whoever has the identity of one of them, and nobody else, " +
          "can read them: not the host, and **not you either when it is lost**. Left out, they are not encrypted.",
      ),
    image: image
      .optional()
      .describe(
        "An image with bash and the programs of Postgres, at least as new as the server. Left out, that of the stack's own Postgres, or postgres:17.6-trixie. With `recipients` it is one of Debian, or has `age` already.",
      ),
  }),
)
  .optional()
  .meta({
    title: "a map of its settings, {} for the defaults",
    description:
      "A backup of the databases, of what clients stored in servers and of the record of calls, each day, by a container of " +
      "the stack; `npm run status` says when the last one was made, and when one is missing or has failed. It is without Pulumi's " +
      "state and the passphrase, which are not on the host: `npm run backup` is there for those. Left out, none is made.",
    examples: [
      {},
      { at: "02:15", keep: 14, to: "/srv/backups/litellm-mcp", image: "postgres:18.0-trixie" },
      { recipients: ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"] },
    ],
  });

export type BackupConfig = NonNullable<z.infer<typeof backup>>;
