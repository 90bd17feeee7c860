import type { LinesArriveInputs } from "./lines-arrive.ts";
import { STACK_ATTRIBUTE, STACK_LABEL } from "./collector-config.ts";

/** A request, which is repeated until its answer is the right one, or its time is over. */
export interface Ask {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly seconds: number;
  /** In the text of an answer that is the right one, as a regular expression. */
  readonly until: string;
}

/** The last answer, or why there was none. */
export type Said = { readonly status: number; readonly text: string } | { readonly error: string };

/** What is run in the container: asks, and prints what was said at last. */
export const PROGRAM = `
const { url, seconds, until, ...init } = JSON.parse(process.env.ASK);
const end = Date.now() + seconds * 1000;
for (;;) {
  const said = await fetch(url, { ...init, redirect: "manual", signal: AbortSignal.timeout(5000) }).then(
    async (answer) => ({ status: answer.status, text: (await answer.text()).slice(0, 2000) }),
    (error) => ({ error: error.cause?.code ?? error.cause?.message ?? error.message }),
  );
  const isRight = said.status >= 200 && said.status < 300 && new RegExp(until).test(said.text);
  // Another answer of these will not come.
  const isRefused = said.status >= 400 && said.status < 500 && said.status !== 429;
  if (isRight || isRefused || Date.now() >= end) {
    console.log(JSON.stringify(said));
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 1000));
}`;

const LINES = String.raw`"values":\s*\[\s*\[`;
/** A Loki that was just started answers after a quarter of a minute. */
const TAKES_SECONDS = 20;
/** The collector reads each second; it may have much to bring that was written before. */
const HAS_SECONDS = 60;

/** @param now The time on the host. */
export function questionFor({ url, stack, header, question }: LinesArriveInputs, now: Date): Ask {
  const nanoseconds = `${now.getTime()}000000`;
  const headers = { ...(header && { [header.name]: header.value }) };
  if (question === "takes")
    return {
      url: `${url}/otlp/v1/logs`,
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(lineOf(stack ?? "", nanoseconds)),
      seconds: TAKES_SECONDS,
      until: "",
    };
  const selector =
    stack === null ? `{job=~"logs|calls"}` : `{${STACK_LABEL}=${JSON.stringify(stack)}, service_name!="up"}`;
  const params = new URLSearchParams({ query: selector, start: nanoseconds, limit: "1", direction: "forward" });
  return {
    url: `${url}/loki/api/v1/query_range?${params.toString()}`,
    ...{ method: "GET", headers, seconds: HAS_SECONDS, until: LINES },
  };
}

const lineOf = (stack: string, nanoseconds: string) => ({
  resourceLogs: [
    {
      resource: {
        attributes: [
          { key: STACK_ATTRIBUTE, value: { stringValue: stack } },
          { key: "service.name", value: { stringValue: "up" } },
        ],
      },
      scopeLogs: [
        {
          logRecords: [{ timeUnixNano: nanoseconds, body: { stringValue: "npm run up asks whether lines are taken" } }],
        },
      ],
    },
  ],
});

/** What is wrong, with the setting that is about it; undefined: nothing. */
export function wrongWith({ url, stack, question }: LinesArriveInputs, said: Said): string | undefined {
  const setting = (key: string) => `litellm-mcp:monitoring.logs${stack === null ? "" : `.loki.${key}`}`;
  if ("error" in said)
    return (
      `${setting("url")}: Loki does not answer at ${url} (${said.error}), asked from the collector's network. ` +
      (stack === null
        ? "npm run doctor looks for why"
        : "Is it there, and reached by that address from the host's containers (with `network`, from those that are on it)?")
    );
  const { status, text } = said;
  const answer = `HTTP ${status}${text.trim() && `: ${text.trim().slice(0, 300)}`}`;
  if (status === 401 || status === 403)
    return `${setting("header")}: Loki at ${url} refuses whoever ${question === "takes" ? "writes" : "reads"} with it (${answer}). Write the header that it asks for`;
  if (status === 404) return `${setting("url")}: at ${url} is no Loki 3, or not this path (${answer})`;
  if (status < 200 || status > 299)
    return question === "takes"
      ? `${setting("url")}: Loki at ${url} does not take a line (${answer})`
      : `${setting("url")}: Loki at ${url} does not say which lines it has (${answer})`;
  return question === "has" && !new RegExp(LINES).test(text)
    ? `${setting("url")}: a line that the gateway has written did not come to Loki at ${url} within ${HAS_SECONDS} s`
    : undefined;
}
