/** Those of the connection, and those that the protocol says; `mcp-` is refused as a whole. */
const NOT_OURS = new Set([
  ...["connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "expect", "host", "content-length", "content-type", "content-encoding"],
  ...["accept", "accept-encoding", "last-event-id"],
]);
const MOST = 32;
const LONGEST = 8 * 1_024;

const isName = (text: string) => /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(text);

/** Plain ASCII, with nothing that could end a line. */
export const isHeaderText = (text: string) => /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);

/**
 * Headers as a JSON map. No error has a part of the text in it, since that may be a secret: not what `JSON.parse` quotes, nor a name, which
 * somebody may have exchanged for its value.
 *
 * @throws Error
 */
export function readUrlHeaders(json: string): Record<string, string> {
  let map: unknown;
  try {
    map = JSON.parse(json);
  } catch {
    throw new Error("it is not JSON");
  }
  if (typeof map !== "object" || map === null || Array.isArray(map))
    throw new Error('it is not a map such as {"authorization":"Bearer …"}');
  const entries = Object.entries(map as Record<string, unknown>);
  if (entries.length > MOST) throw new Error(`it has ${entries.length} headers; at most ${MOST}`);
  const read: Record<string, string> = {};
  for (const [at, [name, value]] of entries.entries()) {
    const which = `header ${at + 1}`;
    const lower = name.toLowerCase();
    if (!isName(name) || lower === "__proto__") throw new Error(`the name of ${which} is none that HTTP allows`);
    if (NOT_OURS.has(lower)) throw new Error(`${which} is ${lower}, which belongs to the connection or the protocol`);
    if (lower.startsWith("mcp-")) throw new Error(`${which} begins with mcp-, which belongs to the protocol`);
    if (Object.hasOwn(read, lower)) throw new Error(`${which} is there twice`);
    if (typeof value !== "string" || !isHeaderText(value) || value.length > LONGEST)
      throw new Error(`the value of ${which} is none that HTTP allows: text of ASCII, at most ${LONGEST} bytes`);
    read[lower] = value;
  }
  return read;
}
