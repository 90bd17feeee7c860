import { mayUseModel } from "../../ingress/rights.ts";
import type { ClientOnRecord } from "../client-rights.ts";
import type { Finding } from "../doctor/finding.ts";
import type { LiteLlmConfig } from "./litellm-config.ts";

/** Models that may be asked although it costs money: all of providers (`true`), or those that are named. */
export type Paid = true | readonly string[] | undefined;

export interface Question {
  readonly client: ClientOnRecord;
  readonly model: string;
  /**
   * Whether it may cost something. LiteLLM 1.77.3 charges a client for what a mock answers at /v1/responses, by the price
   * of another model.
   */
  readonly mayCost: boolean;
}

/**
 * Models that answer by themselves: each of their deployments has a `mock_response`, and none hands a question on to
 * another model.
 */
export function freeModels({ model_list: deployments = [], router_settings: routing }: LiteLlmConfig): string[] {
  const names = [...new Set(deployments.map(({ model_name: name }) => name))];
  const handsOn = (name: string) => routing?.fallbacks?.some((one) => Object.hasOwn(one, name)) === true;
  const isMock = (name: string) =>
    deployments
      .filter(({ model_name: of }) => of === name)
      .every(({ litellm_params: params }) => params?.["mock_response"] !== undefined);
  return names.filter((name) => isMock(name) && !handsOn(name));
}

/**
 * Which client asks which model: each client one that costs nothing, and each model of a provider that may be asked once,
 * by a client that may use it.
 *
 * @throws Error when no client may use a model that was named.
 */
export function questions(clients: readonly ClientOnRecord[], config: LiteLlmConfig, paid: Paid): Question[] {
  const free = freeModels(config);
  const ofProviders = [...new Set((config.model_list ?? []).map(({ model_name: name }) => name))].filter(
    (name) => !free.includes(name),
  );
  // A name such as `openai/*` is none that can be asked.
  const wanted = paid === true ? ofProviders.filter((name) => !name.includes("*")) : (paid ?? []);
  const byName = wanted.flatMap((model): Question[] => {
    const client = clients.find(({ rights }) => mayUseModel(rights, model));
    if (client) return [{ client, model, mayCost: true }];
    if (paid === true) return [];
    throw new Error(`--models ${model}: no client may use it; the models are ${[...free, ...ofProviders].join(", ")}`);
  });
  const isNamed = (client: ClientOnRecord, name: string) =>
    byName.some((one) => one.client === client && one.model === name);
  const byClient = clients.flatMap((client): Question[] => {
    const model = free.find((name) => mayUseModel(client.rights, name));
    return model === undefined || isNamed(client, model) ? [] : [{ client, model, mayCost: false }];
  });
  return [...byClient, ...byName];
}

const QUESTION = "Answer with the word OK.";
/** A model that reasons may take long for one word. */
const ANSWERED_WITHIN_MS = 120_000;

interface Answer {
  readonly choices?: readonly { readonly message?: { readonly content?: string | null } }[];
  readonly output?: readonly { readonly content?: readonly { readonly text?: string }[] | null }[];
}

const CHAT = {
  path: "/v1/chat/completions",
  body: (model: string): unknown => ({ model, messages: [{ role: "user", content: QUESTION }] }),
  textOf: ({ choices }: Answer) => choices?.[0]?.message?.content,
};
const RESPONSES = {
  path: "/v1/responses",
  body: (model: string): unknown => ({ model, input: QUESTION }),
  textOf: ({ output = [] }: Answer) =>
    output.flatMap(({ content }) => (content ?? []).map(({ text = "" }) => text)).join(""),
};

/** Routes by which a question is asked. */
export const routesOf = ({ mayCost }: Pick<Question, "mayCost">) => (mayCost ? [CHAT, RESPONSES] : [CHAT]);

/** Asks a model; what was wrong. */
export async function askModel(url: string, question: Question): Promise<Finding[]> {
  const { client, model } = question;
  const findings: Finding[] = [];
  for (const { path, body, textOf } of routesOf(question)) {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${client.key}`, "content-type": "application/json" },
      body: JSON.stringify(body(model)),
      signal: AbortSignal.timeout(ANSWERED_WITHIN_MS),
    }).then(
      async (got) => ({ status: got.status, text: await got.text() }),
      ({ message, cause }: Error) => ({ status: 0, text: cause instanceof Error ? cause.message : message }),
    );
    const isGood = answer.status === 200 && Boolean(textOf(JSON.parse(answer.text) as Answer));
    if (!isGood) findings.push(wrong(path, model, client.rights.name, answer));
  }
  return findings;
}

function wrong(path: string, model: string, client: string, answer: { status: number; text: string }): Finding {
  const { status, text } = answer;
  const said = status === 0 ? "no answer: " : status === 200 ? "an answer without text: " : `HTTP ${status} `;
  return {
    seen: `${path}, model ${model}, key of ${client}: ${said}${text.slice(0, 300)}`,
    ...explained(status, client),
  };
}

function explained(status: number, client: string): Pick<Finding, "means" | "fix"> {
  switch (status) {
    case 402:
      return {
        means: "the client has spent its budget",
        fix: `litellm-mcp:clients.${client}.budget, or wait for the next period: npm run status says when it begins`,
      };
    case 429:
      return { means: "the client, or its model, is asked too often at the moment", fix: "try again in a minute" };
    default:
      return {
        means: "a program with this key gets the same",
        fix: "look at the model under litellm-mcp:models, and at what LiteLLM says: docker logs --tail 50 litellm (with your namePrefix)",
      };
  }
}
