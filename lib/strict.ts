import * as z from "zod";

/** A map in which every key is known: a key that nothing reads would be a setting that silently does nothing. */
export function strict<S extends z.ZodRawShape>(shape: S) {
  const keys = Object.keys(shape).join(", ");
  const write = `a map with the keys ${keys}`;
  return z
    .strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? `one of the keys ${keys}` : write) })
    .meta({ title: write });
}
