import { sorted } from "../../lib/sorted.ts";
import type { ServerDefinition, Transport } from "../schemas/server-schema.ts";
import type { AdapterSettings, Login, UpstreamSettings } from "../settings.ts";
import { nativeHost, serverNames } from "./daemon-names.ts";

type Kind = "sse" | "http";
type HttpTransport = Exclude<Transport, { kind: "stdio" }>;

const PATHS = { sse: "/sse", http: "/mcp" } as const;
const PORT = 8000;

/** Where an adapter listens, over both transports at once. */
export const adapterEndpoint = (register: Kind = "sse") => ({ register, port: PORT, path: PATHS[register] });

/** Where an image listens; one that has no port has a problem of its own. */
export const imageEndpoint = ({ kind, port = PORT, path = PATHS[kind] }: HttpTransport) => ({
  register: kind,
  port,
  path,
});

/** The container that LiteLLM speaks to, and that a debug port leads to. */
export function entranceOf(
  { source, adapter }: Pick<ServerDefinition, "source" | "adapter">,
  names: ReturnType<typeof serverNames>,
): string {
  return source.kind === "image" && adapter !== "none" ? names.adapterContainer : names.container;
}

export function resolveAdapter(
  name: string,
  definition: ServerDefinition,
  names: ReturnType<typeof serverNames>,
): AdapterSettings {
  const { transport, limits } = definition;
  const { callSeconds, toolSeconds, callsAtOnce, callsWaiting, question: questionMiB, answer: answerMiB } = limits;
  return {
    container: entranceOf(definition, names),
    tokenEnv: `MCP_TOKEN_${name}`,
    upstream: transport.kind === "stdio" ? undefined : resolveUpstream(name, definition, transport, names.network),
    ...{ callSeconds, toolSeconds, callsAtOnce, callsWaiting, questionMiB, answerMiB },
  };
}

function resolveUpstream(
  name: string,
  { source, bearerToken, basicLogin, headers }: ServerDefinition,
  transport: HttpTransport,
  network: string,
): UpstreamSettings {
  const login: Login | undefined = bearerToken
    ? { kind: "bearer", token: bearerToken }
    : basicLogin && { kind: "basic", ...basicLogin };
  const common = { transport: transport.kind, login, headers: sorted(headers) };
  if (source.kind === "url") return { ...common, url: source.url, network: undefined };
  const { port, path } = imageEndpoint(transport);
  return { ...common, url: `http://${nativeHost(name)}:${port}${path}`, network };
}
