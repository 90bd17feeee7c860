import { parse } from "yaml";
import { isRelayed } from "../../components/gateway/litellm-config.ts";
import { dotted } from "../../lib/dotted.ts";
import { isMap } from "../../lib/is-map.ts";
import { own } from "../../lib/own.ts";
import { stackPath } from "../../settings/context.ts";
import type { StackSettings } from "./stack-settings.ts";

/** Where one part of config.yaml comes from. */
export interface Step {
  /** In config.yaml; parts below it come from the same place, unless they have a step of their own. */
  readonly path: readonly (string | number)[];
  readonly from: string;
}

/** A step as `--json` prints it, with its path as people write it. */
export const shownStep = ({ path, from }: Step) => ({ path: dotted("", path), from });

const PROGRAM = "this program";
const IN_STATE = "made by up, encrypted in the state; a variable of LiteLLM's container";

/** Which setting of `gateway` is behind a key of `general_settings`. */
const BEHIND: Readonly<Record<string, string>> = {
  store_prompts_in_spend_logs: "storePrompts",
  maximum_spend_logs_retention_period: "spendDays",
};

/** Where each part of a generated config.yaml comes from. */
export function journeyOf(text: string, stack: StackSettings): Step[] {
  const config = parse(text) as {
    model_list: { litellm_params: Record<string, unknown> }[];
    mcp_servers: Record<string, Record<string, unknown>>;
    general_settings: Record<string, unknown>;
    litellm_settings: Record<string, unknown>;
  };
  return [
    ...models(stack),
    ...Object.entries(config.mcp_servers).flatMap(([name, entry]) => server(stack, name, entry)),
    ...Object.keys(config.general_settings).map((key) => general(stack, key)),
    ...Object.keys(config.litellm_settings).map((key) => ({
      path: ["litellm_settings", key],
      from: key === "json_logs" ? PROGRAM : at(stack, "gateway", "litellmSettings", key),
    })),
  ];
}

const at = ({ file }: StackSettings, ...path: readonly PropertyKey[]) => `${file}: ${stackPath(...path)}`;

/** A key of the stack's file, or that it was left out there. */
function writtenOrDefault(stack: StackSettings, section: string, key: string): string {
  const value = stack.written[section];
  return isMap(value) && own(value, key) !== undefined
    ? at(stack, section, key)
    : `the default of ${stackPath(section, key)}`;
}

const secretFrom = (stack: StackSettings, secret: string) =>
  `${at(stack, "secrets", secret)}, as a variable of LiteLLM's container`;

function models(stack: StackSettings): Step[] {
  if (stack.written["models"] === undefined)
    return [{ path: ["model_list"], from: `the default of ${stackPath("models")}` }];
  return stack.settings.models.flatMap(({ paramsFromEnv }, index) => [
    { path: ["model_list", index], from: at(stack, "models", index) },
    ...Object.entries(paramsFromEnv).map(([param, variable]) => ({
      path: ["model_list", index, "litellm_params", param],
      from: secretFrom(stack, stack.settings.gateway.secretEnv[variable]!),
    })),
  ]);
}

function server(stack: StackSettings, name: string, entry: Readonly<Record<string, unknown>>): Step[] {
  const found = stack.settings.servers.find((one) => one.name === name);
  const path = ["mcp_servers", name];
  if (!found) return [{ path, from: `${PROGRAM}: nobody listens there, docs/litellm-versions.md says what it is for` }];
  const file = `mcp/${name}/server.yaml`;
  const servers = stack.written["servers"];
  const isChanged = isMap(servers) && own(servers, name) !== undefined;
  const adapter = `the container of its adapter, ${found.adapter?.container}`;
  const asked = isRelayed(found) ? `the relay beside LiteLLM, which asks ${adapter}` : adapter;
  const url = found.adapter ? asked : `${file}: transport`;
  const secret =
    found.bearerTokenEnv === undefined ? undefined : stack.settings.gateway.secretEnv[found.bearerTokenEnv];
  return [
    { path, from: `${file}${isChanged ? ` and ${at(stack, "servers", name)}` : ""}` },
    { path: [...path, "url"], from: url },
    {
      path: [...path, "transport"],
      from: `${file}: ${found.adapter ? "register, sse when it is left out" : "transport"}`,
    },
    { path: [...path, "access_groups"], from: `${file}: accessGroups, and the server's own name` },
    ...("authentication_token" in entry
      ? [
          { path: [...path, "auth_type"], from: PROGRAM },
          {
            path: [...path, "authentication_token"],
            from: secret ? secretFrom(stack, secret) : `the token of its adapter, ${IN_STATE}`,
          },
        ]
      : []),
  ];
}

function general(stack: StackSettings, key: string): Step {
  const path = ["general_settings", key];
  if (key === "master_key" || key === "database_url") return { path, from: IN_STATE };
  if (key in stack.settings.gateway.generalSettings)
    return { path, from: at(stack, "gateway", "generalSettings", key) };
  const behind = own(BEHIND, key);
  return { path, from: behind ? writtenOrDefault(stack, "gateway", behind) : PROGRAM };
}
