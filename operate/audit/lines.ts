import { z } from "zod";

/** As `Date.toISOString` writes it: such texts can be compared. */
const time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const called = { id: z.string(), time, client: z.string(), server: z.string(), tool: z.string() };
const asked = { ...called, address: z.string(), arguments: z.unknown(), route: z.string() };

/** The lines that `ingress/audit.ts` writes. */
const auditLine = z.discriminatedUnion("audit", [
  z.object({ audit: z.literal("call"), ...asked }),
  z.object({
    ...{ audit: z.literal("outcome"), ...called, outcome: z.enum(["answered", "failed", "lost"]) },
    ...{ reason: z.string().optional(), milliseconds: z.number(), result: z.unknown().optional() },
  }),
  z.object({ audit: z.literal("refused"), ...asked, reason: z.string() }),
  z.object({
    ...{ audit: z.literal("refusals"), time, since: time, reason: z.string(), count: z.number() },
    ...{ client: z.string().optional(), address: z.string().optional() },
  }),
]);
export type AuditLine = z.infer<typeof auditLine>;

/** Undefined for what is none, such as the half of a line that was being written when the power failed. */
export function readLine(text: string): AuditLine | undefined {
  try {
    return auditLine.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/**
 * The lines of a text that comes in pieces. Node's readline would also end a line at U+2028, which JSON leaves as it is
 * within a string: a client could break its own line in two, so that nobody can read it.
 */
export async function* linesIn(pieces: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const piece of pieces) {
    const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  yield rest + decoder.decode();
}
