import { z } from "zod";

/** Of what a file holds and how. Another number is another form, which this program does not read. */
export const FORMAT = 1;

const partSchema = z.strictObject({
  /** In the file. */
  name: z.string(),
  bytes: z.number().int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.strictObject({
  format: z.literal(FORMAT),
  project: z.string(),
  stack: z.string(),
  created: z.iso.datetime(),
  versions: z.strictObject({
    /** Of this program. */
    program: z.string(),
    /** LiteLLM's image. */
    litellm: z.string(),
    /** As Postgres counts: 170006 is 17.6. */
    postgres: z.number().int(),
  }),
  /** Of each part; the names of those end in `.age`. Nothing in it is signed: it says who could open it, and proves nothing. */
  encryption: z.strictObject({ tool: z.literal("age"), recipients: z.array(z.string()) }).optional(),
  databases: z.array(
    z.strictObject({ name: z.string(), part: partSchema, /** By table. */ rows: z.record(z.string(), z.number()) }),
  ),
  volumes: z.array(
    z.strictObject({ /** Of the resource, without the stack's prefix. */ name: z.string(), part: partSchema }),
  ),
  /** As `pulumi stack export` has it; secrets in it are encrypted. Not in those that the host makes each day. */
  state: partSchema.optional(),
  /** The stack's file. */
  settings: partSchema.optional(),
});

export type Part = z.infer<typeof partSchema>;
export type Manifest = z.infer<typeof manifestSchema>;

/** All that the file has, in this order, after the manifest. */
export const partsOf = ({ state, settings, databases, volumes }: Manifest): Part[] => [
  ...(state ? [state] : []),
  ...(settings ? [settings] : []),
  ...databases.map(({ part }) => part),
  ...volumes.map(({ part }) => part),
];

/** @throws Error that says why it is none. */
export function parseManifest(text: string): Manifest {
  const json = JSON.parse(text) as { format?: unknown };
  if (typeof json.format === "number" && json.format !== FORMAT)
    throw new Error(
      `its format is ${json.format}, and this version of the program reads ${FORMAT}: restore it with the one that made it`,
    );
  return manifestSchema.parse(json);
}

export const rowsIn = ({ rows }: Manifest["databases"][number]): number =>
  Object.values(rows).reduce((sum, count) => sum + count, 0);
