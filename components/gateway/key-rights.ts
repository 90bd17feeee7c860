import { enforcesToolPermissions } from "../../settings/litellm-versions.ts";
import type { BudgetPeriod } from "../../settings/schemas/stack-schema.ts";
import type { ClientSettings, ScheduledCheckSettings, ServerSettings, Settings } from "../../settings/settings.ts";
import { keyGroups, serverId } from "./litellm-config.ts";

/**
 * What a key may do at LiteLLM, as the provider of keys takes it. All of it is input of the resource: a constant in the
 * provider would not reach keys that are deployed already.
 */
export interface KeyRights {
  /** LiteLLM's `key_alias`: the client's name in every log row. */
  readonly alias: string;
  /**
   * Access groups of the MCP servers it may use; never empty, since LiteLLM 1.77 takes an empty list for all servers.
   */
  readonly groups: readonly string[];
  /** Paths of LiteLLM that the key opens; one that ends in `*` stands for all that begin so. */
  readonly routes: readonly string[];
  /** Allowed tools by server id; left out where LiteLLM's version does not know them. */
  readonly toolPermissions?: Readonly<Record<string, readonly string[]>>;
  readonly models: readonly string[];
  /** US dollars; null: no limit. */
  readonly budget: number | null;
  /** After which duration what was spent is forgotten; left out: never. */
  readonly budgetDuration?: string;
  /** Tokens a minute; left out: no limit. */
  readonly tpm?: number;
}

/** LiteLLM's words, for which it takes midnight of the next day, Monday and the first of the month. */
const DURATIONS: Readonly<Record<BudgetPeriod, string>> = { day: "1d", week: "7d", month: "30d" };

/**
 * The routes of LiteLLM that clients use, and no other. Its own name for them, `llm_api_routes`, opens some 130: among
 * them /utils/transform_request, which answers with any variable of the container, /v1/files, and every provider's
 * pass-through. LiteLLM compares a route as text; only a `*` at the end stands for more
 * (`litellm/proxy/auth/route_checks.py`).
 */
const CLIENT_ROUTES = [
  "/mcp",
  // Also /mcp/<server> and lists of servers or groups. LiteLLM's other pages below /mcp/ (docs, enabled) need no key
  // anyway.
  "/mcp/*",
  "/v1/models",
  "/v1/chat/completions",
  "/v1/responses",
  "/v1/messages",
  "/v1/messages/count_tokens",
  "/v1/embeddings",
  // A client's own key, its spend and limits.
  "/key/info",
];

/** No client can have this name, which has a colon. */
const LISTING_ALIAS = "ingress:listing";
/** LiteLLM's word for a key without models; an empty list means all. */
const NO_MODELS = "no-default-models";

type Deployed = Pick<Settings, "gateway" | "servers">;

export const rightsOfClient = (client: ClientSettings, { gateway, servers }: Deployed): KeyRights => ({
  alias: client.name,
  groups: keyGroups(client.servers, gateway.version),
  routes: CLIENT_ROUTES,
  ...(enforcesToolPermissions(gateway.version) && { toolPermissions: toolPermissionsOf(client, servers) }),
  models: client.models,
  budget: client.budget ?? null,
  // Left out where they are not set: with null, keys that are deployed would change.
  ...(client.budgetPeriod && { budgetDuration: DURATIONS[client.budgetPeriod] }),
  ...(client.tpm !== undefined && { tpm: client.tpm }),
});

/**
 * With this key the ingress lists the tools of all servers, once for all clients. It opens nothing else, and no model.
 */
export const rightsOfListing = ({ gateway, servers }: Deployed): KeyRights => ({
  alias: LISTING_ALIAS,
  groups: keyGroups(
    servers.map(({ name }) => name),
    gateway.version,
  ),
  routes: ["/mcp", "/mcp/*"],
  models: [NO_MODELS],
  budget: null,
});

/** The key of the scheduled check: the tool of each server's check, and no model. */
export const rightsOfScheduledCheck = (
  { client }: ScheduledCheckSettings,
  { gateway, servers }: Deployed,
): KeyRights => ({
  alias: client.name,
  groups: keyGroups(client.servers, gateway.version),
  routes: ["/mcp", "/mcp/*"],
  ...(enforcesToolPermissions(gateway.version) && { toolPermissions: toolPermissionsOf(client, servers) }),
  models: [NO_MODELS],
  budget: null,
});

/** The client's allow-lists as LiteLLM takes them. It has no deny-lists: those are the ingress's alone. */
function toolPermissionsOf(
  client: ClientSettings,
  servers: readonly ServerSettings[],
): Record<string, readonly string[]> {
  const allowed = servers.flatMap((server) => {
    const allow = client.rules[server.name]?.allow;
    return allow ? [[serverId(server), allow] as const] : [];
  });
  return Object.fromEntries(allowed);
}
