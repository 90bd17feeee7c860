import path from "node:path";

/** Root of this checkout: where `pulumi` runs, and what paths in messages are relative to. */
export const projectRoot = path.dirname(import.meta.dirname);
