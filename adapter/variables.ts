import { readFileSync } from "node:fs";
import * as z from "zod";
import { type ToolLock, toolLockSchema } from "../approval/tool-lock.ts";
import { readUrlHeaders } from "./url-headers.ts";

const PREFIX = "ADAPTER_";
const whole = (usual: number) => z.coerce.number().int().positive().default(usual);
const yesOrNo = z.enum(["true", "false"]).default("false");

/** Variables of the container; README.md has what they mean. */
const variables = z.object({
  ADAPTER_SERVER: z.string().min(1),
  ADAPTER_TOKEN: z.string().min(16),
  ADAPTER_TOOL_LOCK: z.string().startsWith("/").optional(),
  ADAPTER_SHOW_ALL_TOOLS: yesOrNo,
  ADAPTER_PORT: whole(8000),
  ADAPTER_CALL_SECONDS: whole(60),
  ADAPTER_TOOL_SECONDS: z
    .string()
    .default("{}")
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.record(z.string(), z.number().positive())),
  ADAPTER_CALLS_AT_ONCE: whole(16),
  ADAPTER_CALLS_WAITING: whole(64),
  ADAPTER_QUESTION_MIB: whole(4),
  ADAPTER_ANSWER_MIB: whole(8),
  ADAPTER_LAN_ADDRESSES: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.array(z.string()))
    .optional(),
});

/** Those of a server that runs elsewhere. */
const urlVariables = z.object({
  ADAPTER_URL: z.string().transform((text, context) => {
    const problem = urlProblem(text);
    if (problem === undefined) return new URL(text);
    context.addIssue(problem);
    return z.NEVER;
  }),
  ADAPTER_URL_TRANSPORT: z.enum(["sse", "http"]),
  ADAPTER_URL_HEADERS: z
    .string()
    .default("{}")
    .transform((text, context) => {
      try {
        return readUrlHeaders(text);
      } catch (error) {
        context.addIssue((error as Error).message);
        return z.NEVER;
      }
    }),
  ADAPTER_URL_PUBLIC: yesOrNo,
});

/** What a URL of somebody may have in it is a secret as well: nothing of it is shown. */
function urlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (!url || !["http:", "https:"].includes(url.protocol)) return "it is no http:// or https:// URL";
  if (url.username || url.password) return "a login belongs into ADAPTER_URL_HEADERS, not into the URL";
  return url.hash ? "it has a fragment (#), which no server gets" : undefined;
}

export type Variables = z.infer<typeof variables>;
export type UrlVariables = z.infer<typeof urlVariables>;

export const readVariables = (env: NodeJS.ProcessEnv): Variables => variables.parse(env);
export const readUrlVariables = (env: NodeJS.ProcessEnv): UrlVariables => urlVariables.parse(env);

/** Without a lock nothing is approved, so nothing is shown. A lock that cannot be read ends the program: it was meant to be there. */
export function readLock({ ADAPTER_SHOW_ALL_TOOLS, ADAPTER_TOOL_LOCK }: Variables): ToolLock | "everything" {
  if (ADAPTER_SHOW_ALL_TOOLS === "true") return "everything";
  return ADAPTER_TOOL_LOCK === undefined
    ? {}
    : toolLockSchema.parse(JSON.parse(readFileSync(ADAPTER_TOOL_LOCK, "utf8")));
}

/** What the server's own process gets. */
export const withoutOwn = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith(PREFIX)));

/** The same without what would lead past the adapter's proxy. */
export const withoutProxies = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(withoutOwn(env)).filter(([name]) => !/_proxy$/i.test(name)));
