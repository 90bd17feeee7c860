import { isDeepStrictEqual } from "node:util";
import { type KeyGrant, LiteLlmApi, LiteLlmApiError, type StoredKey } from "./admin-api.ts";
import type { ClientKeyProps } from "./client-key.ts";

const api = ({ admin, masterKey }: ClientKeyProps) => new LiteLlmApi(admin, masterKey);

/** Keys in the state of earlier versions do not say where the admin API is; the first `up` adds it. */
const isOfEarlierVersion = ({ admin }: Partial<ClientKeyProps>) => admin === undefined;

/** A hundred years. LiteLLM keeps the duration of a key for which none is given. */
const NEVER = "36500d";

const grant = ({
  alias,
  groups,
  routes,
  toolPermissions,
  models,
  budget,
  budgetDuration,
  tpm,
}: ClientKeyProps): KeyGrant => ({
  key_alias: alias,
  models,
  allowed_routes: routes,
  object_permission: {
    mcp_servers: [],
    mcp_access_groups: groups,
    ...(toolPermissions && { mcp_tool_permissions: toolPermissions }),
  },
  rpm_limit: null,
  tpm_limit: tpm ?? null,
  max_budget: budget,
  ...(budgetDuration !== undefined && { budget_duration: budgetDuration }),
});

export async function create(props: ClientKeyProps) {
  await api(props).putKey(props.key, grant(props));
  return { id: props.alias, outs: props };
}

/** The key itself is the same: another key is another resource, made before the old one is deleted. */
export async function update(_id: string, olds: ClientKeyProps, news: ClientKeyProps) {
  const lifted = olds.budgetDuration !== undefined && news.budgetDuration === undefined;
  await api(news).putKey(news.key, { ...grant(news), ...(lifted && { budget_duration: NEVER }) });
  return { outs: news };
}

async function remove(id: string, props: ClientKeyProps) {
  if (isOfEarlierVersion(props))
    throw new Error(
      `${id}: made by an earlier version of this program. Deploy once with the client in the settings, then take it out`,
    );
  await api(props).deleteKey(props.key);
}
export { remove as delete };

/**
 * What somebody changed of a key, for instance in LiteLLM's UI: the properties concerned, with what LiteLLM has now.
 */
export function changedRights(props: ClientKeyProps, stored: StoredKey): Readonly<Record<string, unknown>> {
  const wanted = grant(props);
  const {
    mcp_servers: servers = [],
    mcp_access_groups: groups = [],
    mcp_tool_permissions: toolPermissions = {},
  } = stored.object_permission ?? {};
  const set = (values: readonly string[] | null) => [...(values ?? [])].sort();
  const found: readonly (readonly [keyof ClientKeyProps | "servers" | "allowedRoutes" | "rpm", unknown, unknown])[] = [
    ["alias", wanted.key_alias, stored.key_alias],
    ["groups", set(props.groups), set(groups)],
    ["servers", [], set(servers)],
    ...(props.toolPermissions ? [["toolPermissions", props.toolPermissions, toolPermissions] as const] : []),
    ["models", set(props.models), set(stored.models)],
    ["allowedRoutes", set(wanted.allowed_routes), set(stored.allowed_routes)],
    ["rpm", null, stored.rpm_limit],
    ["tpm", wanted.tpm_limit, stored.tpm_limit ?? null],
    ["budget", props.budget, stored.max_budget],
    ["budgetDuration", props.budgetDuration ?? NEVER, stored.budget_duration ?? NEVER],
  ];
  return Object.fromEntries(
    found
      .filter(([, ours, theirs]) => !isDeepStrictEqual(ours, theirs))
      .map(([property, , theirs]) => [property, theirs]),
  );
}

/**
 * For `pulumi refresh`: a key that LiteLLM no longer has leaves the state, and rights that somebody changed come into
 * it, so that the next `up` brings back what the settings say.
 */
export async function read(id: string, props: ClientKeyProps) {
  if (isOfEarlierVersion(props)) return { id, props };
  try {
    const stored = await api(props).findKey(props.key);
    if (!stored) return {};
    const changed = changedRights(props, stored);
    // As inputs too: the engine compares those with what the program says.
    const found = { ...props, ...changed };
    return Object.keys(changed).length ? { id, props: found, inputs: found } : { id, props };
  } catch (error) {
    if (!(error instanceof LiteLlmApiError) || error.status !== undefined) throw error;
    // A gateway that is down says nothing about its keys; failing here would keep `refresh` from seeing that it is
    // down.
    console.warn(`${id}: not checked, ${error.message}`);
    return { id, props };
  }
}
