import type { z } from "zod";
import { absolutePath, image, orEmpty, strict, text, wholeNumber } from "./fields.ts";

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
    image: image
      .optional()
      .describe(
        "An image with bash and the programs of Postgres, at least as new as the server. Left out, that of the stack's own Postgres, or postgres:17.6-trixie.",
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
    examples: [{}, { at: "02:15", keep: 14, to: "/srv/backups/litellm-mcp", image: "postgres:18.0-trixie" }],
  });

export type BackupConfig = NonNullable<z.infer<typeof backup>>;
