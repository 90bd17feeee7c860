import assert from "node:assert/strict";
import type Docker from "dockerode";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import { LITELLM_DATABASE } from "../../components/postgres/databases.ts";
import { POSTGRES_ADMIN } from "../../components/postgres/postgres-server.ts";
import type { AuditRecord } from "../../operate/audit/records.ts";
import { eventually } from "../e2e/gateway.ts";
import type { Workspace } from "../e2e/workspace.ts";

const idIn = (value: unknown) => /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(JSON.stringify(value))?.[0] ?? "";

/** The record of the calls, as `npm run audit` gives it, by the id in their arguments. */
export async function records(workspace: Workspace): Promise<Map<string, AuditRecord[]>> {
  const { exitCode, output } = await workspace.run("npm", [
    ...["run", "--silent", "audit", "--", "--stack", workspace.stack, "--json"],
  ]);
  assert.equal(exitCode, 0, output);
  const lines = output.split("\n").filter((line) => line.startsWith("{"));
  const byId = new Map<string, AuditRecord[]>();
  for (const record of lines.map((line) => JSON.parse(line) as AuditRecord)) {
    const id = idIn(record.arguments);
    byId.set(id, [...(byId.get(id) ?? []), record]);
  }
  return byId;
}

/** How many of LiteLLM's rows name each id, once no more come. */
export async function rows(docker: Docker, postgres: string, atLeast: number): Promise<Map<string, number>> {
  const sql = `SELECT metadata->'mcp_tool_call_metadata'->'arguments' FROM "LiteLLM_SpendLogs" WHERE call_type = 'call_mcp_tool'`;
  const read = async () => {
    const { exitCode, stdout, stderr } = await runInContainer(docker, postgres, [
      ...["psql", "-U", POSTGRES_ADMIN, "-d", LITELLM_DATABASE, "-Atc", sql],
    ]);
    assert.equal(exitCode, 0, stderr);
    const count = new Map<string, number>();
    for (const id of stdout.split("\n").filter(Boolean).map(idIn)) count.set(id, (count.get(id) ?? 0) + 1);
    return count;
  };
  let last = -1;
  return eventually("LiteLLM has written its rows", 180, async () => {
    const now = await read();
    const [before, size] = [last, now.size];
    last = size;
    // It writes them every few seconds, and later after it could not.
    if (size < atLeast) await new Promise((resolve) => setTimeout(resolve, 15_000));
    return (size >= atLeast || size === before) && now;
  });
}
