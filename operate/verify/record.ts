import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import { type ExpectedClient, type ExpectedServer, ruleOf } from "../../check/expectations.ts";
import { REQUEST_TIMEOUT_MS, withGateway } from "../../check/listing.ts";
import type { GatewayCheckInputs } from "../../components/gateway/check/inputs.ts";
import { spendWrittenWithin } from "../../components/gateway/litellm-config.ts";
import { LITELLM_DATABASE } from "../../components/postgres/databases.ts";
import { mayCall } from "../../ingress/rights.ts";
import { type AuditPlace, filesOfRunning } from "../audit/files.ts";
import { type AuditRecord, lastOf, recordsOf } from "../audit/records.ts";
import { later } from "../audit/selection.ts";
import { literal, type PostgresTools } from "../backup/databases.ts";
import type { LiteLlmConfig } from "./litellm-config.ts";
import type { Found } from "./steps.ts";

/** A call that verify makes for the record alone. */
export interface Trial {
  readonly client: ExpectedClient;
  readonly server: string;
  readonly call: NonNullable<ExpectedServer["call"]>;
}

/** The first call that a client may make; undefined where no server has one that is cheap. */
export function trialOf({ clients, servers }: Pick<GatewayCheckInputs, "clients" | "servers">): Trial | undefined {
  for (const client of clients)
    for (const { name: server, call } of servers) {
      const rule = ruleOf(client, server);
      if (call && rule && mayCall(rule, call.tool)) return { client, server, call };
    }
  return undefined;
}

export const nameOf = ({ client, server, call }: Trial) => `${server}-${call.tool}, called by ${client.name}`;

/** Ends when `look` has found something, or when the time is over. */
async function within<T>(seconds: number, look: () => Promise<T | undefined>): Promise<T | undefined> {
  const deadline = performance.now() + seconds * 1_000;
  for (;;) {
    const found = await look();
    if (found !== undefined || performance.now() > deadline) return found;
    await pause(LOOK_EVERY_MS);
  }
}
const LOOK_EVERY_MS = 250;

/** What is found of one call in the record, and what that means. */
export interface Recorded {
  readonly found: Found;
  /** The line of this call, and of no other. */
  readonly line: AuditRecord | undefined;
}

/**
 * Looks at the lines between two moments just before and just after the call. Where somebody else made the same call with
 * the same key meanwhile, nobody can tell whose line is whose.
 */
export function judgeLines(trial: Trial, lines: readonly AuditRecord[]): Recorded | "several" {
  if (lines.length > 1) return "several";
  const [line] = lines;
  const recorded = (found: Found): Recorded => ({ found, line });
  const wrong = (seen: string) =>
    recorded({
      findings: [
        {
          seen: `${nameOf(trial)}: ${seen}`,
          means: "npm run audit does not show what clients do",
          fix: "the log of the ingress, docker logs --tail 50 ingress (with your namePrefix), and the disk of its volume: npm run doctor",
        },
      ],
    });
  if (!line) return wrong("the call was answered, and the record of calls has no line of it");
  if (line.outcome !== "answered") return wrong(`the record says "${line.outcome}" of it. ${line.reason ?? ""}`.trim());
  return recorded({ said: `${nameOf(trial)}: line ${line.id}, ${line.outcome} in ${line.milliseconds} ms` });
}

/** Lines have the time of the host, and this machine's clock may be another one. */
async function hostTime(docker: Docker): Promise<string> {
  const { SystemTime: time } = (await docker.info()) as { readonly SystemTime: string };
  return new Date(time).toISOString();
}

/** The line with what came of a call is written behind its answer. */
const OUTCOME_WITHIN_SECONDS = 10;
const ATTEMPTS = 3;

/** Makes a call and looks for its line in the record. */
export async function findInAudit(docker: Docker, place: AuditPlace, url: string, trial: Trial): Promise<Recorded> {
  const { client, server, call } = trial;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const since = await hostTime(docker);
    await withGateway(url, client.key, (mcp) =>
      mcp.callTool({ name: `${server}-${call.tool}`, arguments: call.arguments }, undefined, {
        timeout: REQUEST_TIMEOUT_MS,
      }),
    );
    // `until` itself does not count.
    const until = later(await hostTime(docker), 1);
    const selection = { clients: [client.name], servers: [server], tools: [call.tool], since, until };
    let lines: AuditRecord[] = [];
    await within(OUTCOME_WITHIN_SECONDS, async () => {
      const files = await filesOfRunning(docker, place);
      if (!files) throw new Error(`container ${place.container} does not run, so the record cannot be read`);
      lines = await lastOf(recordsOf({ files, selection, masked: [], unreadable: 0 }), 2);
      return lines.some(({ outcome }) => outcome === "running") ? undefined : lines;
    });
    const judged = judgeLines(trial, lines);
    if (judged !== "several") return judged;
  }
  const notHere = `somebody else calls ${server}-${call.tool} with the key of ${client.name} as well, so no line is certainly that of verify`;
  return { found: { notHere }, line: undefined };
}

/** On top of the time in which LiteLLM writes, on a machine that has much to do. */
const PATIENCE_SECONDS = 20;

/** The query for the row of a call: it began while the call of that line was under way. */
export const rowOf = ({ client, server, tool, time, milliseconds }: AuditRecord): string =>
  `SELECT coalesce(json_agg(request_id), '[]') FROM "LiteLLM_SpendLogs" WHERE call_type = 'call_mcp_tool'
   AND metadata ->> 'user_api_key_alias' = ${literal(client ?? "")}
   AND mcp_namespaced_tool_name = ${literal(`${server}/${tool}`)}
   AND "startTime" BETWEEN ${literal(time)}::timestamp AND ${literal(later(time, (milliseconds ?? 0) + 1))}::timestamp`;

/** Looks for LiteLLM's own row of a call. */
export async function findRow(tools: PostgresTools, config: LiteLlmConfig, line: AuditRecord): Promise<Found> {
  const settings = config.general_settings ?? {};
  if (settings["disable_spend_logs"] === true)
    return { notHere: "gateway.generalSettings.disable_spend_logs is true, so LiteLLM writes none" };
  const seconds = spendWrittenWithin(settings) + PATIENCE_SECONDS;
  const row = await within(seconds, async () => {
    const [id] = (await tools.ask(LITELLM_DATABASE, rowOf(line))) as string[];
    return id;
  });
  if (row !== undefined)
    return { said: `LiteLLM_SpendLogs has the same call: ${line.client}, ${line.tool}, row ${row}` };
  return {
    findings: [
      {
        seen: `${line.server}-${line.tool}, called by ${line.client}: LiteLLM_SpendLogs has no row of it ${seconds} s later`,
        means: "LiteLLM does not record what clients do, and budgets do not count it; npm run audit has the call",
        fix: "what LiteLLM says of its database: docker logs --tail 50 litellm (with your namePrefix)",
      },
    ],
  };
}
