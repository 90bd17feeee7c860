import * as pulumi from "@pulumi/pulumi";
import type { GatewaySettings, GuardSettings, TelemetrySettings } from "../../settings/settings.ts";

/** The callback of `mask_tool_calls.py`. */
const MASKER = "mask_tool_calls.masker";

/** What `litellm_settings` say of whom LiteLLM tells of what it did; callbacks that the stack names itself stay. */
export function callbackSettings({
  telemetry,
  guard,
  gateway: { litellmSettings: own },
}: {
  readonly telemetry?: TelemetrySettings | undefined;
  readonly guard?: GuardSettings | undefined;
  readonly gateway: Pick<GatewaySettings, "litellmSettings">;
}) {
  const callbacks = [...(guard?.masked.length ? [MASKER] : []), ...(telemetry?.openTelemetry ? ["otel"] : [])];
  const andLangfuse = (key: string): unknown[] => [...(Array.isArray(own[key]) ? own[key] : []), "langfuse"];
  return {
    ...(callbacks.length && { callbacks }),
    ...(telemetry?.langfuse && {
      success_callback: andLangfuse("success_callback"),
      failure_callback: andLangfuse("failure_callback"),
    }),
    ...(telemetry && !telemetry.texts && { turn_off_message_logging: true }),
  };
}

/** Variables of LiteLLM's container; `secret` gives a secret of the stack by name. */
export function telemetryVariables(
  { openTelemetry, langfuse }: TelemetrySettings,
  secret: (name: string) => pulumi.Output<string>,
): Record<string, pulumi.Input<string>> {
  return {
    ...(openTelemetry && {
      OTEL_EXPORTER: "otlp_http",
      // It is taken as it is.
      OTEL_ENDPOINT: `${openTelemetry.endpoint}/v1/traces`,
      ...(openTelemetry.header && {
        OTEL_HEADERS: pulumi.interpolate`${openTelemetry.header.name}=${secret(openTelemetry.header.secret)}`,
      }),
    }),
    ...(langfuse && {
      LANGFUSE_HOST: langfuse.url,
      LANGFUSE_PUBLIC_KEY: secret(langfuse.publicKey),
      LANGFUSE_SECRET_KEY: secret(langfuse.secretKey),
    }),
  };
}
