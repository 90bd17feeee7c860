import { once } from "node:events";
import { readFileSync } from "node:fs";
import net from "node:net";
import { z } from "zod";
import { Audit } from "./audit.ts";
import { Diagnosis } from "./diagnosis.ts";
import { createInner } from "./inner.ts";
import { SENSITIVE_KINDS } from "../lib/sensitive.ts";
import { LiteLlm } from "./litellm.ts";
import { log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { parseRights, type Rights, rightsVersion } from "./rights.ts";
import { createIngress } from "./server.ts";
import { ToolList } from "./tools.ts";

const number = z.string().regex(/^\d+$/).transform(Number);
/** Names with a comma between them; left out: none. */
const kinds = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(SENSITIVE_KINDS)))
  .default([]);
/** Variables of the container; `components/gateway/ingress.ts` writes them, README.md has what they mean. */
const variables = z.object({
  LITELLM_URL: z.url(),
  LITELLM_LISTING_KEY: z.string().startsWith("sk-"),
  RIGHTS_FILE: z.string().startsWith("/"),
  AUDIT_FOLDER: z.string().startsWith("/"),
  AUDIT_DAYS: number,
  AUDIT_MIB: number,
  AUDIT_RESULTS: z.enum(["true", "false"]),
  BODY_MIB: number,
  GUARD_REFUSED: kinds,
  GUARD_MASKED: kinds,
  INNER_HOST: z.string().min(1),
});
const PORT = 4000;
/**
 * The same, for what is published on the host's loopback: Docker gives two ports of the host that lead to one port of a
 * container back in another order than it was given, which every preview would show as a change.
 */
const LOOPBACK_PORT = 4002;
const INNER_PORT = 4001;

const env = variables.parse(process.env);
const litellm: LiteLlm = new LiteLlm(env.LITELLM_URL, () => tools.warm());
const tools: ToolList = new ToolList(() => litellm, env.LITELLM_LISTING_KEY);
const metrics = new Metrics(() => litellm.gate);
const audit = new Audit({
  folder: env.AUDIT_FOLDER,
  days: env.AUDIT_DAYS,
  bytes: env.AUDIT_MIB * 2 ** 20,
  results: env.AUDIT_RESULTS === "true",
  masked: env.GUARD_MASKED,
  counted: (call, outcome) => metrics.countCall(call, outcome, tools),
});

let rights: { readonly table: Rights; readonly version: string } | undefined;
const load = () => {
  try {
    const text = readFileSync(env.RIGHTS_FILE, "utf8");
    rights = { table: parseRights(text), version: rightsVersion(text) };
    log("rights", { version: rights.version, clients: rights.table.clients.length });
  } catch (error) {
    // A table that cannot be read gives nobody any right: the last one may hold a right that has been taken away.
    rights = undefined;
    log("no rights", { error: (error as Error).message });
  }
};
load();
process.on("SIGHUP", load);

const options = {
  litellm,
  tools,
  audit,
  metrics,
  diagnosis: new Diagnosis(litellm),
  rights: () => rights,
  refused: env.GUARD_REFUSED,
  bodyBytes: env.BODY_MIB * 2 ** 20,
};
const [outer, inner] = [createIngress(options), createInner(litellm.gate, metrics)];
// One program with one set of limits, whichever way a connection came in.
const loopback = net.createServer((socket) => outer.server.emit("connection", socket));
await inner.listen({ host: env.INNER_HOST, port: INNER_PORT });
await outer.listen({ host: "0.0.0.0", port: PORT });
await once(loopback.listen(LOOPBACK_PORT, "0.0.0.0"), "listening");
log("listening", { port: PORT });

const stop = async () => {
  log("stopping", { running: litellm.gate.running });
  loopback.close();
  await outer.close();
  await inner.close();
  await audit.close();
  await litellm.close();
  process.exit(0);
};
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop());
