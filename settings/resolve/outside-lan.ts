import { isIP } from "node:net";
import { refusedHost } from "../../lib/addresses.ts";

/** Names that only a LAN knows: nobody looks at what a name leads to when the program connects to it. */
const LAN_NAME = /^[^.]+$|\.(lan|local|localdomain|home|internal|home\.arpa)$/i;
const PUBLIC = "a public address";

/** What to write in place of an address outside of the LAN that nobody has accepted; undefined: it can stay. */
export function outsideLanAdvice(address: string, acceptRisks: readonly "outside-lan"[]): string | undefined {
  const isPublic = acceptRisks.includes("outside-lan");
  const url = new URL(address);
  const isName = isIP(url.hostname.replace(/^\[|\]$/g, "")) === 0;
  const reason = isName && !isPublic && !LAN_NAME.test(url.hostname) ? PUBLIC : refusedHost(url, { isPublic });
  if (!reason) return undefined;
  return reason === PUBLIC
    ? "an address of the LAN; for one outside of it, acceptRisks: [outside-lan] beside it"
    : `an address of the LAN: this is ${reason}`;
}
