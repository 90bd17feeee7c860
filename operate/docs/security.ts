import { readFileSync } from "node:fs";
import { MOST_DEPTH } from "../../lib/json.ts";
import { PASSED_HEADERS, RETURNED_HEADERS, type Route, routes } from "../../ingress/routes.ts";
import { adminPort } from "../../settings/resolve/resolve-gateway.ts";
import { stackKeys } from "../../settings/schemas/stack-schema.ts";

/** Written by `npm run docs`, from this file's neighbour `security.template.md` and the program's own tables. */
export const SECURITY_FILE = "docs/security.md";

const call = {
  id: "34e20add-564b-4f0b-a4f8-890de556b4db",
  client: "codex",
  address: "192.168.1.20",
  server: "time",
  tool: "get_current_time",
};

/** A line of each kind, with the keys that `ingress/audit.ts` writes. */
export const AUDIT_EXAMPLES = {
  call: {
    audit: "call",
    id: call.id,
    time: "2026-11-21T14:59:59.562Z",
    client: call.client,
    address: call.address,
    server: call.server,
    tool: call.tool,
    arguments: { timezone: "UTC" },
    route: "/mcp/",
  },
  outcome: {
    audit: "outcome",
    id: call.id,
    time: "2026-11-21T14:59:59.620Z",
    client: call.client,
    server: call.server,
    tool: call.tool,
    outcome: "answered",
    milliseconds: 58,
  },
  refused: {
    audit: "refused",
    id: "5b0f3f0e-8a0c-4b69-9a51-0f0a7a1d5d38",
    time: "2026-11-21T15:01:12.004Z",
    client: "codex",
    address: "192.168.1.20",
    server: "git",
    tool: "git_commit",
    arguments: { repo_path: "/repositories" },
    route: "/mcp/",
    reason: "this key may not call git_commit of server git",
  },
  refusals: {
    audit: "refusals",
    time: "2026-11-21T15:02:48.489Z",
    since: "2026-11-21T15:01:48.488Z",
    address: "192.168.1.77",
    reason: "unknown key",
    count: 312,
  },
} as const;

const code = (text: string) => `\`${text}\``;
const WHO: Readonly<Record<Route["who"], string>> = { anybody: "anybody", client: "a client, with its key" };

/** Routes that differ in their address alone share a row. */
function routeTable(): string {
  const rows = new Map<string, { readonly route: Route; readonly paths: string[] }>();
  for (const route of routes) {
    const { method, who, what, body } = route;
    const row = JSON.stringify([method, who, what, body]);
    rows.set(row, { route, paths: [...(rows.get(row)?.paths ?? []), code(route.path)] });
  }
  return [
    "| method | path | who | what | body |",
    "|---|---|---|---|---|",
    ...[...rows.values()].map(
      ({ route: { method, who, what, body }, paths }) =>
        `| ${method} | ${paths.join(", ")} | ${WHO[who]} | ${what} | ${body} |`,
    ),
  ].join("\n");
}

function passedHeaders(): string {
  const passing = routes.flatMap(({ dialect, path }) => PASSED_HEADERS[dialect].map((header) => ({ header, path })));
  return [...new Set(passing.map(({ header }) => header))]
    .map(
      (header) =>
        `${code(header)} (${passing.flatMap((one) => (one.header === header ? [code(one.path)] : [])).join(", ")})`,
    )
    .join(", ");
}

/** docs/security.md as it has to be. */
export function securityPage(): string {
  const defaults = stackKeys.gateway.parse({});
  const values: Readonly<Record<string, string | number>> = {
    routes: routeTable(),
    passedHeaders: passedHeaders(),
    returnedHeaders: RETURNED_HEADERS.map(code).join(", "),
    port: defaults.port,
    adminPort: adminPort(defaults),
    bodyMiB: defaults.bodyMiB,
    auditDays: defaults.auditDays,
    auditMiB: defaults.auditMiB,
    depth: MOST_DEPTH,
    auditExamples: Object.values(AUDIT_EXAMPLES)
      .map((line) => JSON.stringify(line))
      .join("\n"),
  };
  const template = readFileSync(new URL("./security.template.md", import.meta.url), "utf8");
  return template.replace(/\{\{(\w+)\}\}/g, (placeholder, name: string) => {
    if (!Object.hasOwn(values, name))
      throw new Error(
        `operate/docs/security.template.md: nothing is known for ${placeholder}; write one of ${Object.keys(values).join(", ")}`,
      );
    return String(values[name]);
  });
}
