import { isIP } from "node:net";
import { refusedHost } from "../../lib/addresses.ts";
import { type Context, stackPath } from "../context.ts";
import type { TelemetryConfig } from "../schemas/telemetry-schema.ts";
import type { TelemetrySettings } from "../settings.ts";

/** Names that only a LAN knows: nobody looks at what a name leads to when LiteLLM connects to it. */
const LAN_NAME = /^[^.]+$|\.(lan|local|localdomain|home|internal|home\.arpa)$/i;

function outsideLan(url: URL, isPublic: boolean): string | undefined {
  const isName = isIP(url.hostname.replace(/^\[|\]$/g, "")) === 0;
  return isName && !isPublic && !LAN_NAME.test(url.hostname) ? PUBLIC : refusedHost(url, { isPublic });
}
const PUBLIC = "a public address";

/** Refuses addresses outside of the LAN that nobody has accepted; notes the secrets. */
export function resolveTelemetry(
  { openTelemetry, langfuse, texts, acceptRisks }: TelemetryConfig,
  { storePrompts }: { readonly storePrompts: boolean },
  { stackFile, problems, usedSecrets }: Context,
): TelemetrySettings {
  for (const [path, address] of [
    [["openTelemetry", "endpoint"], openTelemetry?.endpoint],
    [["langfuse", "url"], langfuse?.url],
  ] as const) {
    const reason = address && outsideLan(new URL(address), acceptRisks.includes("outside-lan"));
    if (reason)
      problems.add(
        stackFile,
        stackPath("telemetry", ...path),
        address,
        reason === PUBLIC
          ? "an address of the LAN; for one outside of it, acceptRisks: [outside-lan] beside it"
          : `an address of the LAN: this is ${reason}`,
      );
  }
  if (!openTelemetry && !langfuse)
    problems.add(stackFile, stackPath("telemetry"), undefined, "openTelemetry, langfuse or both");
  if (storePrompts && !texts)
    problems.add(
      stackFile,
      stackPath("telemetry", "texts"),
      texts,
      "true, or gateway.storePrompts: false: LiteLLM gives texts to its database and to others, or to neither",
    );
  for (const secret of [openTelemetry?.header?.secret, langfuse?.publicKey, langfuse?.secretKey])
    if (secret !== undefined) usedSecrets.add(secret);
  return { openTelemetry, langfuse, texts };
}
