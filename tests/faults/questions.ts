import { randomUUID } from "node:crypto";

/** Longer than a restart of LiteLLM takes, in which calls wait. */
const LONGEST_CALL_MS = 180_000;

/** A call whose answer nobody else gets. */
export interface Question {
  /** Is in the arguments of the call, and of no other. */
  readonly id: string;
  readonly server: string;
  readonly tool: string;
  readonly arguments: Record<string, unknown>;
  /** Whether a text answers it. */
  readonly isAnsweredBy: (text: string) => boolean;
}

type Kind = (id: string, at: number) => Omit<Question, "id">;

const contains = (text: string) => (answer: string) => answer.includes(text);

/** One question for each server, of which each has an answer of its own. */
const KINDS: Readonly<Record<string, Kind>> = {
  everything: (id) => ({
    ...{ server: "everything", tool: "echo", arguments: { message: id } },
    isAnsweredBy: contains(`Echo: ${id}`),
  }),
  postgres: (id, at) => ({
    ...{ server: "postgres", tool: "execute_sql", arguments: { sql: `SELECT '${id}' AS id, ${at} + 1 AS next` } },
    isAnsweredBy: (answer) => answer.includes(id) && answer.includes(String(at + 1)),
  }),
  time: (id, at) => {
    // 1,440 different answers; the id is in a parameter that the tool does not have and ignores.
    const [hour, minute] = [Math.floor(at / 60) % 24, at % 60].map((part) => String(part).padStart(2, "0"));
    return {
      server: "time",
      tool: "convert_time",
      arguments: { source_timezone: "UTC", time: `${hour}:${minute}`, target_timezone: "Asia/Kolkata", id },
      // India is 5 h 30 min ahead all year.
      isAnsweredBy: contains(`T${inIndia(at)}:00`),
    };
  },
  memory: (id) => ({
    ...{ server: "memory", tool: "search_nodes", arguments: { query: id } },
    isAnsweredBy: (answer) => /"entities": \[\]/.test(answer),
  }),
};

function inIndia(minutes: number): string {
  const there = (minutes + 5 * 60 + 30) % (24 * 60);
  return [Math.floor(there / 60), there % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

export const SERVERS = Object.keys(KINDS);

export function ask(server: string, at: number): Question {
  const id = randomUUID();
  return { id, ...KINDS[server]!(id, at % 1_440) };
}

export interface Answer {
  /** Of the question. */
  readonly id: string;
  readonly began: number;
  readonly ended: number;
  /** Undefined: it was answered, and with its own answer. */
  readonly problem: string | undefined;
}

/** One call as a client makes it, by a plain request. */
export async function call(base: string, key: string, question: Question): Promise<Answer> {
  const began = Date.now();
  const problem = await fetch(`${base}/mcp/`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${key}`,
    },
    body: JSON.stringify({
      ...{ jsonrpc: "2.0", id: 1, method: "tools/call" },
      params: { name: `${question.server}-${question.tool}`, arguments: question.arguments },
    }),
    signal: AbortSignal.timeout(LONGEST_CALL_MS),
  })
    .then(async (answer) => problemOf(question, answer.status, await answer.text()))
    .catch(
      (error: Error) => `no answer: ${error.message}${error.cause instanceof Error ? ` (${error.cause.message})` : ""}`,
    );
  return { id: question.id, began, ended: Date.now(), problem };
}

function problemOf(question: Question, status: number, body: string): string | undefined {
  const json = /^data: (.*)$/m.exec(body)?.[1] ?? body;
  if (status !== 200) return `${status} ${body.slice(0, 300)}`;
  const { result } = JSON.parse(json) as { result?: { isError?: boolean; content: { text?: string }[] } };
  const text = (result?.content ?? []).map((part) => part.text ?? "").join("\n");
  // LiteLLM 1.77.3 passes the text of an error on, and not that it is one.
  if (!result || result.isError || /^Error: /.test(text)) return `error: ${text || json.slice(0, 300)}`;
  return question.isAnsweredBy(text) ? undefined : `another answer: ${text.slice(0, 300)}`;
}
