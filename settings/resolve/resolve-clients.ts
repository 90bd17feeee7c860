import { compareText } from "../../lib/compare-text.ts";
import { dotted } from "../../lib/dotted.ts";
import { isMap } from "../../lib/is-map.ts";
import { own } from "../../lib/own.ts";
import { type Context, type Parsed, stackPath } from "../context.ts";
import type { ServerFolder } from "../server-folders.ts";
import { type ClientSettings, type ServerSettings, SCHEDULED_CHECK_CLIENT } from "../settings.ts";
import { type StackConfig, TEST_CLIENT } from "../schemas/stack-schema.ts";
import type { ToolLock } from "../../approval/tool-lock.ts";

/** The clients, each with every server and model that it may use. */
export function resolveClients(
  stack: Parsed,
  folders: readonly ServerFolder[],
  enabled: readonly ServerSettings[],
  context: Context,
): ClientSettings[] {
  const { stackFile, problems } = context;
  const clients = stack.clients ?? {};
  const written = context.config["clients"];
  if (isMap(written) && !Object.hasOwn(written, TEST_CLIENT)) {
    problems.add(
      stackFile,
      stackPath("clients", TEST_CLIENT),
      undefined,
      `${TEST_CLIENT}: {}, the client that every stack has`,
    );
  }
  if (Object.hasOwn(clients, SCHEDULED_CHECK_CLIENT))
    problems.add(
      stackFile,
      stackPath("clients", SCHEDULED_CHECK_CLIENT),
      SCHEDULED_CHECK_CLIENT,
      "another name: the scheduled check of this program has this one",
    );
  const models = stack.models && [...new Set(stack.models.map(({ name }) => name))];
  // Whether a server whose server.yaml is wrong is enabled is not known. Its own problem is reported, and none that may
  // only follow from it.
  const broken = folders.filter(({ definition }) => !definition).map(({ name }) => name);
  const isOn = (server: string) => broken.includes(server) || enabled.some(({ name }) => name === server);
  const groups = [...new Set(enabled.flatMap(({ accessGroups }) => accessGroups))].sort(compareText);

  return Object.entries(clients)
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, client]) => {
      for (const [index, server] of (client.servers ?? []).entries()) {
        if (isOn(server)) continue;
        const off = folders.some((folder) => folder.name === server);
        const write = off
          ? `a server that is enabled on this stack; ${stackPath("servers", server, "enabled")} turns it on`
          : `one of the servers ${enabled.map((one) => one.name).join(", ")}`;
        problems.add(stackFile, stackPath("clients", name, "servers", index), server, write);
      }
      for (const [index, group] of (client.groups ?? []).entries()) {
        if (groups.includes(group) || broken.length) continue;
        const write = groups.length
          ? `a group of an enabled server: ${groups.join(", ")}`
          : "servers: no enabled server has an access group";
        problems.add(stackFile, stackPath("clients", name, "groups", index), group, write);
      }
      if (client.budgetPeriod && client.budget === undefined)
        problems.add(
          stackFile,
          stackPath("clients", name, "budgetPeriod"),
          client.budgetPeriod,
          "budget beside it, or leave it out",
        );
      for (const [index, model] of (client.models ?? []).entries()) {
        if (!models || models.includes(model)) continue;
        problems.add(
          stackFile,
          stackPath("clients", name, "models", index),
          model,
          `one of the models ${models.join(", ")}`,
        );
      }
      const named = (server: ServerSettings) =>
        client.servers?.includes(server.name) || server.accessGroups.some((group) => client.groups?.includes(group));
      const servers = (client.servers || client.groups ? enabled.filter(named) : enabled).map((server) => server.name);
      for (const [server, rule] of Object.entries(client.tools)) {
        if (servers.includes(server)) {
          checkTools(
            rule,
            enabled.find((one) => one.name === server)?.toolLock,
            stackPath("clients", name, "tools", server),
            context,
          );
        } else if (!broken.includes(server)) {
          problems.add(
            stackFile,
            stackPath("clients", name, "tools", server),
            server,
            `one of the servers this client may use: ${servers.join(", ")}`,
          );
        }
      }
      return {
        name,
        servers,
        rules: Object.fromEntries(
          servers.map((server) => {
            const rule = own(client.tools, server);
            return [server, { allow: rule?.allow ?? null, deny: rule?.deny ?? [] }];
          }),
        ),
        models: client.models ?? models ?? [],
        rpm: client.rpm,
        parallel: client.parallel,
        tpm: client.tpm,
        budget: client.budget,
        budgetPeriod: client.budgetPeriod,
      };
    });
}

/**
 * Refuses names of tools that the server does not have: a tool that is denied under a wrong name would be allowed.
 * Without a tool lock the server's tools are not known, and any name passes.
 */
function checkTools(
  rule: StackConfig["clients"][string]["tools"][string],
  toolLock: ToolLock | undefined,
  at: string,
  { stackFile, problems }: Context,
): void {
  if (!toolLock) return;
  for (const kind of ["allow", "deny"] as const) {
    for (const [index, tool] of (rule[kind] ?? []).entries()) {
      if (Object.hasOwn(toolLock, tool)) continue;
      problems.add(stackFile, dotted(at, [kind, index]), tool, `one of its tools: ${Object.keys(toolLock).join(", ")}`);
    }
  }
}
