import * as pulumi from "@pulumi/pulumi";
import type { Settings } from "../../settings/settings.ts";
import { moduleProvider } from "../docker/module-provider.ts";
import { type AdminLogin, adminLogin, LITELLM_DATABASE, LITELLM_ROLE, SPEND_ROLE, SPEND_SCHEMA } from "./databases.ts";

/** A view, and the query whose answer it is. */
interface View {
  readonly name: string;
  /** Each with its type, in the order of the query; the state keeps that of a list alone. */
  readonly columns: readonly string[];
  readonly query: string;
}

/** Inputs of the `SpendViews` resource. */
export interface SpendViewsInputs {
  readonly server: AdminLogin;
  readonly password: string;
  readonly database: string;
  readonly schema: string;
  /** Who reads the views. */
  readonly role: string;
  /** Whose tables are in the queries, and with whose rights they are read. */
  readonly owner: string;
  readonly views: readonly View[];
  /** Databases to which only those may connect that are told so, or could already. */
  readonly closed: readonly string[];
  /** Roles of the stack, which are told so elsewhere. */
  readonly ownRoles: readonly string[];
}

/**
 * Without hashes of keys, prompts, answers and arguments. An alias with a colon is a key of the program's own, or one that is being
 * replaced, whose client is before the colon.
 */
export const SPEND_VIEWS: readonly View[] = [
  {
    name: "by_hour",
    columns: [
      "hour timestamptz",
      "client text",
      "model text",
      "server text",
      "tool text",
      "requests bigint",
      "failed bigint",
      "prompt_tokens bigint",
      "completion_tokens bigint",
      "dollars double precision",
    ],
    query: `SELECT date_trunc('hour', "startTime") AT TIME ZONE 'UTC',
       coalesce(nullif(split_part(metadata ->> 'user_api_key_alias', ':replaced-', 1), ''), '(none)'),
       coalesce(nullif(model_group, ''), nullif(model, ''), ''),
       split_part(coalesce(mcp_namespaced_tool_name, ''), '/', 1),
       split_part(coalesce(mcp_namespaced_tool_name, ''), '/', 2),
       count(*), count(*) FILTER (WHERE status = 'failure'),
       sum(prompt_tokens)::bigint, sum(completion_tokens)::bigint, sum(spend)
     FROM public."LiteLLM_SpendLogs" GROUP BY 1, 2, 3, 4, 5`,
  },
  {
    name: "budgets",
    columns: [
      "client text",
      "spent double precision",
      "budget double precision",
      "available double precision",
      "renewed timestamptz",
    ],
    query: `SELECT key_alias, spend, max_budget, max_budget - spend, budget_reset_at AT TIME ZONE 'UTC'
     FROM public."LiteLLM_VerificationToken" WHERE key_alias IS NOT NULL AND key_alias NOT LIKE '%:%'`,
  },
];

/** Figures of spend in LiteLLM's database, for a login that reads nothing else. */
export class SpendViews extends pulumi.dynamic.Resource {
  constructor(
    name: string,
    { postgres }: Pick<Settings, "postgres">,
    password: pulumi.Input<string>,
    opts: pulumi.CustomResourceOptions,
  ) {
    const { readOnly } = postgres;
    const isOwn = postgres.kind === "dedicated";
    const inputs: { readonly [K in keyof SpendViewsInputs]: pulumi.Input<SpendViewsInputs[K]> } = {
      server: adminLogin(postgres),
      password: pulumi.secret(password),
      ...{ database: LITELLM_DATABASE, schema: SPEND_SCHEMA, role: SPEND_ROLE, owner: LITELLM_ROLE },
      views: [...SPEND_VIEWS],
      // Those of an existing server are somebody else's, and not this program's to close.
      closed: isOwn ? ["postgres", "template1", ...(readOnly.create ? [readOnly.database] : [])] : [],
      ownRoles: [LITELLM_ROLE, readOnly.role, SPEND_ROLE],
    };
    super(
      moduleProvider("./components/postgres/spend-views.provider.ts", ["create", "update", "delete"]),
      name,
      inputs,
      { ...opts, additionalSecretOutputs: ["password"] },
    );
  }
}
