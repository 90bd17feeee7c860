import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { SPEND_SCHEMA } from "../../postgres/databases.ts";
import { choiceOf, dashboardOf, days, POSTGRES, rows, total } from "./panels.ts";

const BY_HOUR = `${SPEND_SCHEMA}.by_hour`;
const BUDGETS = `${SPEND_SCHEMA}.budgets`;
const SHOWN = "$__timeFilter(hour)";
/** Calls of tools have no model, and are those of the clients that are chosen. */
const CHOSEN = `${SHOWN} AND client IN ($client)`;
const OF_MODELS = `${CHOSEN} AND model IN ($model)`;

const aDay = (name: string, value: string, where: string) =>
  `SELECT $__timeGroupAlias(hour, '1d'), ${name} AS metric, ${value} AS value FROM ${BY_HOUR} WHERE ${where} GROUP BY 1, 2 ORDER BY 1, 2`;
const USED =
  'sum(dollars) AS spent, sum(requests) AS requests, sum(failed) AS failed, sum(prompt_tokens) AS "prompt tokens", ' +
  'sum(completion_tokens) AS "completion tokens"';
const DOLLARS = "currencyUSD";

/** What clients have spent, as LiteLLM has written it down, and what they may still spend. */
export const spendDashboard = (): Dashboard =>
  dashboardOf(
    {
      ...{ uid: "litellm-mcp-spend", title: "LiteLLM MCP: spend" },
      description: "What clients have spent, as LiteLLM counts it, and what they may still spend.",
      ...{ from: "now-30d", refresh: "5m" },
    },
    POSTGRES,
    [
      choiceOf("client", "Client", `SELECT DISTINCT client FROM ${BY_HOUR} WHERE ${SHOWN}`),
      choiceOf("model", "Model", `SELECT DISTINCT model FROM ${BY_HOUR} WHERE ${SHOWN} AND model <> ''`),
    ],
    {
      Now: [
        total({
          title: "Spent",
          description: "By the clients that are chosen, for models and for tools that cost something.",
          width: 6,
          sql: `SELECT sum(dollars) AS spent FROM ${BY_HOUR} WHERE ${CHOSEN}`,
          unit: DOLLARS,
        }),
        total({
          title: "Tokens of models",
          description: "Of prompts and answers.",
          width: 6,
          sql: `SELECT sum(prompt_tokens + completion_tokens) AS tokens FROM ${BY_HOUR} WHERE ${OF_MODELS}`,
          unit: "short",
        }),
        total({
          title: "Requests to models",
          description: "Those that LiteLLM has answered, and those that failed.",
          width: 6,
          sql: `SELECT sum(requests) AS requests FROM ${BY_HOUR} WHERE ${OF_MODELS}`,
          unit: "short",
        }),
        total({
          title: "Calls of tools",
          description: "Those that reached LiteLLM; refused calls are in the dashboard of the gateway.",
          width: 6,
          sql: `SELECT sum(requests) AS calls FROM ${BY_HOUR} WHERE ${CHOSEN} AND tool <> ''`,
          unit: "short",
        }),
      ],
      "Against budgets": [
        rows({
          title: "Budgets",
          description:
            "Of every client, as npm run status shows it: since its budget was last new, or ever, whatever time is shown here.",
          width: 24,
          sql:
            `SELECT client, spent, budget, spent / nullif(budget, 0) AS used, available AS "left", renewed AS "new at" ` +
            `FROM ${BUDGETS} ORDER BY used DESC NULLS LAST, client`,
          units: { spent: DOLLARS, budget: DOLLARS, used: "percentunit", left: DOLLARS },
        }),
      ],
      Days: [
        days({
          title: "Spent a day, by client",
          description: "Days of UTC.",
          width: 12,
          sql: aDay("client", "sum(dollars)", CHOSEN),
          unit: DOLLARS,
        }),
        days({
          title: "Spent a day, by model",
          description: "Without tools; days of UTC.",
          width: 12,
          sql: aDay("model", "sum(dollars)", OF_MODELS),
          unit: DOLLARS,
        }),
        days({
          title: "Tokens a day, by client",
          description: "Of prompts and answers; days of UTC.",
          width: 12,
          sql: aDay("client", "sum(prompt_tokens + completion_tokens)", OF_MODELS),
          unit: "short",
        }),
        days({
          title: "Requests to models a day, by model",
          description: "Those that LiteLLM has answered, and those that failed; days of UTC.",
          width: 12,
          sql: aDay("model", "sum(requests)", OF_MODELS),
          unit: "short",
        }),
      ],
      "In the time that is shown": [
        rows({
          title: "By client",
          description: "Models and tools together.",
          width: 12,
          sql: `SELECT client, ${USED} FROM ${BY_HOUR} WHERE ${CHOSEN} GROUP BY 1 ORDER BY 2 DESC, 1`,
          units: { spent: DOLLARS },
        }),
        rows({
          title: "By model",
          description: "By the name that clients use.",
          width: 12,
          sql: `SELECT model, ${USED} FROM ${BY_HOUR} WHERE ${OF_MODELS} GROUP BY 1 ORDER BY 2 DESC, 1`,
          units: { spent: DOLLARS },
        }),
        rows({
          title: "By tool",
          description: "A tool costs what costPerCall and toolCosts of its server say, and otherwise nothing.",
          width: 24,
          sql:
            "SELECT server, tool, sum(dollars) AS spent, sum(requests) AS calls " +
            `FROM ${BY_HOUR} WHERE ${CHOSEN} AND tool <> '' GROUP BY 1, 2 ORDER BY 3 DESC, 4 DESC, 1, 2`,
          units: { spent: DOLLARS },
        }),
      ],
    },
  );
