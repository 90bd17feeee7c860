import { createHash } from "node:crypto";
import { stringify } from "yaml";
import { hidesServerOfLoneTools } from "../../settings/litellm-versions.ts";
import type {
  GatewaySettings,
  GuardSettings,
  ModelSettings,
  RedisSettings,
  RoutingSettings,
  ServerSettings,
  TelemetrySettings,
} from "../../settings/settings.ts";
import { mapValues } from "../../lib/map-values.ts";
import { RELAY_PORT } from "./addresses.ts";
import { callbackSettings } from "./telemetry.ts";

export interface LiteLlmConfigArgs {
  readonly models: readonly ModelSettings[];
  readonly routing?: RoutingSettings | undefined;
  readonly redis?: RedisSettings | undefined;
  readonly telemetry?: TelemetrySettings | undefined;
  readonly guard?: GuardSettings | undefined;
  readonly servers: readonly Pick<
    ServerSettings,
    "name" | "url" | "register" | "adapter" | "description" | "accessGroups" | "bearerTokenEnv" | "cost"
  >[];
  /** Further settings, already checked against what the version reads. */
  readonly gateway: Pick<
    GatewaySettings,
    "version" | "storePrompts" | "spendDays" | "generalSettings" | "litellmSettings"
  >;
}

/**
 * LiteLLM keeps spend rows in memory and writes them at an interval, which it draws once, at most this many seconds
 * from the setting.
 */
const WRITE_SPREAD_SECONDS = 3;
/**
 * The smallest setting with which the interval is always at least a second. It is small because LiteLLM ends without
 * writing: each restart waits until what is in memory must have been written.
 */
const WRITE_EVERY_SECONDS = WRITE_SPREAD_SECONDS + 1;

/** Within so many seconds after a request LiteLLM has written what it cost, unless the database is away. */
export function spendWrittenWithin({ proxy_batch_write_at: every }: GatewaySettings["generalSettings"]): number {
  // The interval, and a second for the row to be queued and written.
  return (typeof every === "number" ? every : WRITE_EVERY_SECONDS) + WRITE_SPREAD_SECONDS + 1;
}

/** Variable of LiteLLM's container. One that begins with REDIS_ LiteLLM would take for settings of its own. */
export const REDIS_PASSWORD = "LITELLM_REDIS_PASSWORD";

/** LiteLLM reads a variable only where this is the whole value; `${NAME}` and text around it stay as they are. */
const fromEnv = (variable: string) => `os.environ/${variable}`;

/**
 * The access group that holds one server alone. Keys are given groups, because the ids LiteLLM 1.77.3 wants otherwise
 * change with a server's URL, and a stale id lists nothing.
 */
export const serverGroup = (server: string) => server;

/** A server at whose address nobody listens. No folder of mcp/ can have its name, which has a capital letter. */
const PLACEHOLDER = "Placeholder";

/** Access groups of a key for these servers; never empty, which would mean all servers. */
export const keyGroups = (servers: readonly string[], version: string): string[] => [
  ...servers.map(serverGroup),
  // With one server alone LiteLLM leaves its name out of the tools' names.
  ...(servers.length === 1 && hidesServerOfLoneTools(version) ? [PLACEHOLDER] : []),
];

type Registered = Pick<ServerSettings, "name" | "url" | "register" | "adapter">;

/** Whether LiteLLM asks a server through `mcp_relay.py`, which knows the transport of nearly all adapters. */
export const isRelayed = ({ register, adapter }: Registered): boolean => register === "sse" && adapter !== undefined;

/** Where LiteLLM finds a server. */
const urlOf = (server: Registered): string =>
  isRelayed(server) ? `http://127.0.0.1:${RELAY_PORT}/${server.name}${new URL(server.url).pathname}` : server.url;

/** The id by which LiteLLM knows a server of its config.yaml: the same in 1.77.3, 1.80.5 and 1.106.2. */
export function serverId(server: Registered & Pick<ServerSettings, "bearerTokenEnv">): string {
  const alias = "";
  const parts = [server.name, urlOf(server), server.register, server.bearerTokenEnv ? BEARER : "", alias];
  return createHash("sha256").update(parts.join("|")).digest("hex").slice(0, 32);
}
const BEARER = "bearer_token";

/**
 * LiteLLM's config.yaml: no secret in it, keys sorted, so that its text changes only when a setting does (each change
 * replaces the container).
 */
export function renderLiteLlmConfig(args: LiteLlmConfigArgs): string {
  const config = {
    model_list: args.models.map(({ name, params, paramsFromEnv }) => ({
      model_name: name,
      litellm_params: { ...params, ...mapValues(paramsFromEnv, fromEnv) },
    })),
    mcp_servers: {
      ...(hidesServerOfLoneTools(args.gateway.version) && {
        [PLACEHOLDER]: { url: "http://127.0.0.1:9/sse", transport: "sse", access_groups: [PLACEHOLDER] },
      }),
      ...Object.fromEntries(
        args.servers.map((server) => [
          server.name,
          {
            url: urlOf(server),
            // Left out, 1.77.3 takes `http`, whatever the documentation says.
            transport: server.register,
            description: server.description,
            ...(server.bearerTokenEnv && { auth_type: BEARER, authentication_token: fromEnv(server.bearerTokenEnv) }),
            access_groups: [...new Set([...server.accessGroups, serverGroup(server.name)])].sort(),
            ...(server.cost && { mcp_info: { mcp_server_cost_info: costInfo(server.cost) } }),
          },
        ]),
      ),
    },
    general_settings: {
      store_prompts_in_spend_logs: args.gateway.storePrompts,
      maximum_spend_logs_retention_period: `${args.gateway.spendDays}d`,
      // LiteLLM first looks for old rows one interval after its start. Its own interval is a day, which never passes if
      // LiteLLM restarts each night.
      maximum_spend_logs_retention_interval: "1h",
      proxy_batch_write_at: WRITE_EVERY_SECONDS,
      ...args.gateway.generalSettings,
      // A master key that is empty turns authentication off; the container gets the variable from a required secret.
      master_key: fromEnv("LITELLM_MASTER_KEY"),
      database_url: fromEnv("DATABASE_URL"),
    },
    litellm_settings: {
      ...args.gateway.litellmSettings,
      ...(args.redis && { cache: true, cache_params: cacheParams(args.redis) }),
      ...callbackSettings(args),
      json_logs: true,
    },
    ...(args.routing && { router_settings: routerSettings(args.routing) }),
  };
  return stringify(config, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
}

const routerSettings = ({ strategy, fallbacks, retries, cooldownSeconds, timeoutSeconds }: RoutingSettings) => ({
  routing_strategy: strategy,
  fallbacks: Object.entries(fallbacks).map(([model, others]) => ({ [model]: others })),
  num_retries: retries,
  cooldown_time: cooldownSeconds,
  ...(timeoutSeconds !== undefined && { timeout: timeoutSeconds }),
});

const costInfo = ({ perCall, tools }: NonNullable<ServerSettings["cost"]>) => ({
  ...(perCall !== undefined && { default_cost_per_query: perCall }),
  tool_name_to_cost_per_query: tools,
});

/** LiteLLM counts in its cache, so it has one even if no answer is kept: only a request could then ask for it. */
const cacheParams = ({ host, cacheSeconds }: RedisSettings) => ({
  type: "redis",
  host,
  port: 6379,
  password: fromEnv(REDIS_PASSWORD),
  ...(cacheSeconds === undefined ? { mode: "default_off" } : { ttl: cacheSeconds }),
  // Not responses: two clients would have the same id, and whose an answer is decides who may go on with it.
  supported_call_types: ["acompletion", "aembedding"],
});
