import * as pulumi from "@pulumi/pulumi";
import { mapValues } from "../../lib/map-values.ts";
import { sorted } from "../../lib/sorted.ts";
import type { AdapterSettings, Login, ServerSettings, UpstreamSettings } from "../../settings/settings.ts";
import type { Health } from "../docker/container.ts";

/** A secret of the stack by name. */
type Secret = (name: string) => pulumi.Input<string>;

/** What the adapter is told, beside what is in its image; `adapter/README.md` has what each variable means. */
export function adapterEnv(
  { name, risks, lanAddresses }: Pick<ServerSettings, "name" | "risks" | "lanAddresses">,
  adapter: AdapterSettings,
  token: pulumi.Input<string>,
  secret: Secret,
): Record<string, pulumi.Input<string>> {
  const { upstream } = adapter;
  return {
    ADAPTER_SERVER: name,
    ADAPTER_TOKEN: token,
    ADAPTER_CALL_SECONDS: String(adapter.callSeconds),
    ADAPTER_TOOL_SECONDS: JSON.stringify(sorted(adapter.toolSeconds)),
    ADAPTER_CALLS_AT_ONCE: String(adapter.callsAtOnce),
    ADAPTER_CALLS_WAITING: String(adapter.callsWaiting),
    ADAPTER_QUESTION_MIB: String(adapter.questionMiB),
    ADAPTER_ANSWER_MIB: String(adapter.answerMiB),
    ...(lanAddresses && { ADAPTER_LAN_ADDRESSES: JSON.stringify(lanAddresses) }),
    ...(upstream && {
      ADAPTER_URL: upstream.url,
      ADAPTER_URL_TRANSPORT: upstream.transport,
      ADAPTER_URL_HEADERS: upstreamHeaders(upstream, secret),
      ADAPTER_URL_PUBLIC: String(risks.includes("outside-lan")),
    }),
  };
}

/** Headers as JSON, secret where one of them is. */
function upstreamHeaders({ login, headers }: UpstreamSettings, secret: Secret): pulumi.Output<string> {
  const all = { ...(login && { Authorization: authorization(login, secret) }), ...mapValues(headers, secret) };
  return pulumi.all(all).apply((values) => JSON.stringify(values));
}

const authorization = (login: Login, secret: Secret): pulumi.Output<string> =>
  login.kind === "bearer"
    ? pulumi.interpolate`Bearer ${secret(login.token)}`
    : pulumi
        .output(secret(login.password))
        .apply((password) => `Basic ${Buffer.from(`${login.user}:${password}`).toString("base64")}`);

/** The adapter says what it knows of its server, at once. Whoever hangs is restarted by it, not by Docker. */
export const adapterHealth: Health = {
  test: ["CMD", "node", "/opt/adapter/ask.mjs", "/health"],
  intervalSeconds: 15,
  timeoutSeconds: 10,
  retries: 3,
  startPeriodSeconds: 60,
};
