/** `record[key]`, but not what every object has: `constructor` is a fine name for an MCP server. */
export const own = <T>(record: Readonly<Record<string, T>>, key: string): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;
