import { type Context, stackPath } from "../context.ts";
import type { TelemetryConfig } from "../schemas/telemetry-schema.ts";
import type { TelemetrySettings } from "../settings.ts";
import { outsideLanAdvice } from "./outside-lan.ts";

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
    const advice = address && outsideLanAdvice(address, acceptRisks);
    if (advice) problems.add(stackFile, stackPath("telemetry", ...path), address, advice);
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
