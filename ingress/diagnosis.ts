import type { LiteLlm, LiteLlmAnswer } from "./litellm.ts";
import { Refusal } from "./refusal.ts";
import type { ClientRights } from "./rights.ts";

const FRESH_MS = 10_000;

/** Asks LiteLLM, with the client's own key, about the client's spend and about LiteLLM's state. */
export class Diagnosis {
  readonly #litellm: LiteLlm;
  readonly #spent = new Map<string, { readonly spend: number; readonly at: number }>();

  constructor(litellm: LiteLlm) {
    this.#litellm = litellm;
  }

  /**
   * Refuses a client whose budget is spent. LiteLLM counts, a few seconds late, and compares budgets on some routes
   * only.
   *
   * @throws Refusal 402
   */
  async checkBudget(client: ClientRights, key: string): Promise<void> {
    if (client.budget === null) return;
    const spend = this.#fresh(client) ?? (await this.#spend(client, key));
    if (spend !== undefined && spend >= client.budget) throw isSpent(client, spend);
  }

  #fresh({ name }: ClientRights): number | undefined {
    const known = this.#spent.get(name);
    return known && Date.now() - known.at < FRESH_MS ? known.spend : undefined;
  }

  /** In USD; undefined where LiteLLM does not say, so that LiteLLM decides. */
  async #spend({ name }: ClientRights, key: string): Promise<number | undefined> {
    const { status, body } = await this.#litellm.ask({ method: "GET", path: "/key/info", key, repeatable: true });
    const text = await body.text();
    if (status !== 200) return undefined;
    const { info } = JSON.parse(text) as { info?: { spend?: unknown } };
    if (typeof info?.spend !== "number") return undefined;
    this.#spent.set(name, { spend: info.spend, at: Date.now() });
    return info.spend;
  }

  /** Why LiteLLM answers a good request with HTTP 500 "MCP request failed", which is what 1.77 says to everything. */
  async reason(client: ClientRights, key: string): Promise<Refusal | undefined> {
    const { status, body } = await this.#litellm.ask({
      method: "GET",
      path: "/health/readiness",
      key,
      repeatable: true,
    });
    const readiness = await body.text();
    if (status !== 200 || /not connected|not reachable/i.test(readiness))
      return new Refusal(503, "database", "LiteLLM does not reach its Postgres database");
    this.#spent.delete(client.name);
    await this.checkBudget(client, key);
    const info = await this.#litellm.ask({ method: "GET", path: "/key/info", key, repeatable: true });
    await info.body.dump();
    if (info.status === 401 || info.status === 400 || info.status === 404)
      return new Refusal(
        502,
        "key not at LiteLLM",
        `LiteLLM does not know the key of client ${client.name}: npm run up makes it again`,
      );
    return undefined;
  }
}

const isSpent = ({ name, budget }: ClientRights, spend: number) =>
  new Refusal(
    402,
    "budget",
    `the budget of client ${name} is spent: ${spend.toFixed(4)} of ${budget} USD (litellm-mcp:clients.${name}.budget)`,
  );

/**
 * LiteLLM's own refusal of a key whose budget is spent, which is HTTP 400 or 422 by version. It counts in its memory,
 * and in the database, where `/key/info` looks, seconds later. The sum tells the client's budget from others, such as
 * LiteLLM's own; a provider's words come after the name of an error.
 */
const BUDGET_EXCEEDED = /^Budget has been exceeded! .*?Current cost: ([\d.e+-]+), .*?Max budget: ([\d.e+-]+)$/;

function spentAsLiteLlmSays(client: ClientRights, message: string): Refusal | undefined {
  const [, spend, budget] = (BUDGET_EXCEEDED.exec(message) ?? []).map(Number);
  return spend !== undefined && budget === client.budget && spend >= budget ? isSpent(client, spend) : undefined;
}

/** Turns an error of LiteLLM into a refusal that says what is wrong. */
export async function explain(
  diagnosis: Diagnosis,
  client: ClientRights,
  key: string,
  answer: LiteLlmAnswer,
): Promise<Refusal> {
  const message = messageOf(await answer.body.text());
  const spent = spentAsLiteLlmSays(client, message);
  if (spent) return spent;
  const said = scrubbed(message);
  try {
    const known = answer.status >= 500 || answer.status === 401 ? await diagnosis.reason(client, key) : undefined;
    if (known) return known;
  } catch (error) {
    if (error instanceof Refusal) return error;
    // This request failed as well, so the client gets what LiteLLM said first.
  }
  // The key is a client's, or the request had not come so far: a 401 would say that it is wrong. LiteLLM says 401 to
  // all that a key may not.
  const status = answer.status >= 500 ? 502 : answer.status === 401 ? 403 : answer.status;
  return new Refusal(status, "LiteLLM", `LiteLLM answered HTTP ${answer.status}: ${said}`);
}

/**
 * The message of an error of LiteLLM's, whole or as the event of a stream, without the trace through its code that it
 * adds to some.
 */
function messageOf(text: string): string {
  const [first = ""] = text.replace(/^data: /, "").split("\n\n");
  try {
    const { error, details, detail } = JSON.parse(first) as {
      error?: string | { message?: unknown };
      details?: unknown;
      detail?: unknown;
    };
    const message = typeof error === "object" ? error.message : (error ?? detail);
    if (typeof message === "string")
      return withoutTrace(typeof details === "string" && details ? `${message}: ${details}` : message);
  } catch {
    // Not JSON: as it is.
  }
  return withoutTrace(text);
}

const withoutTrace = (text: string) => text.split("Traceback (most recent call last)")[0]!.trim();

/** LiteLLM repeats what it was sent, keys included. */
export const scrubbed = (text: string) => text.replace(/sk-[\w-]+/g, "sk-…").slice(0, 1_000);
