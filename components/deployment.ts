import { Provider as DockerProvider } from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { enforcesToolPermissions } from "../settings/capabilities.ts";
import { type ClientSettings, POSTGRES_READ_ONLY_URL, type ServerSettings, type Settings } from "../settings/settings.ts";
import { ClientKey } from "./client-key.ts";
import { Databases } from "./databases.ts";
import { GatewayCheck } from "./gateway-check.ts";
import type { McpPolicy } from "./litellm-api.ts";
import { LiteLlm } from "./litellm.ts";
import { keyGroups, renderLiteLlmConfig, serverId, spendWrittenWithin } from "./litellm-config.ts";
import { McpServer } from "./mcp-server.ts";
import { Networks } from "./networks.ts";
import { POSTGRES_ADMIN, POSTGRES_PORT, PostgresServer } from "./postgres-server.ts";
import { mapValues } from "../settings/map-values.ts";

/** Everything on the server, in the order it depends on each other. `secret` gives a secret of the stack by name. */
export function deploy(settings: Settings, secret: (name: string) => pulumi.Output<string>) {
  const { namePrefix, lan, gateway, servers, clients, models } = settings;
  const provider = new DockerProvider("docker", { host: settings.docker.host, sshOpts: [...settings.docker.sshOpts] });
  const opts = { providers: { docker: provider } };

  const networks = new Networks("networks", { namePrefix }, opts);
  const databases = deployDatabases(settings, networks, secret, opts);

  const litellm = new LiteLlm(
    "litellm",
    {
      image: gateway.image,
      namePrefix,
      publish: { ip: lan.address, port: gateway.port },
      memoryMiB: gateway.memoryMiB,
      auditResults: gateway.auditResults,
      config: renderLiteLlmConfig({ models, servers, gateway }),
      settleSeconds: spendWrittenWithin(gateway.generalSettings),
      env: mapValues(gateway.secretEnv, secret),
      databaseUrl: databases.litellmUrl,
      docker: settings.docker,
      networks,
    },
    opts,
  );

  const mcpServers = servers.map(
    (server) =>
      new McpServer(
        `mcp-${server.name}`,
        {
          server,
          namePrefix,
          lanAddress: lan.address,
          secrets: mapValues(server.secrets, (name) => (name === POSTGRES_READ_ONLY_URL ? databases.readOnlyUrl : secret(name))),
          docker: settings.docker,
          networks,
          postgresIsExternal: settings.postgres.kind === "existing",
        },
        opts,
      ),
  );

  const policies = clients.map((client) => policyOf(client, servers));
  const keys = clients.map(
    (client, at) =>
      new ClientKey(
        `client-${client.name}`,
        {
          gatewayUrl: litellm.url,
          masterKey: litellm.masterKey,
          alias: client.name,
          groups: keyGroups(client.servers, gateway.version),
          policy: policies[at]!,
          toolPermissions: enforcesToolPermissions(gateway.version) ? toolPermissionsOf(client, servers) : undefined,
          models: client.models,
          rpm: client.rpm,
          budget: client.budget,
          deletedWith: databases.litellm,
        },
        { dependsOn: [litellm.health] },
      ),
  );

  const check = new GatewayCheck(
    "gateway-check",
    {
      gatewayUrl: litellm.url,
      docker: settings.docker,
      servers: servers.map(({ name, host, lock, check }) => ({
        name,
        container: `${namePrefix}${host}`,
        lock: lock ?? null,
        call: check ? { tool: check.tool, arguments: check.arguments, expect: check.expect ?? null } : null,
      })),
      clients: clients.map((client, at) => ({
        name: client.name,
        key: keys[at]!.key,
        servers: client.servers,
        policy: policies[at]!,
      })),
      stack: pulumi.getStack(),
      triggers: [litellm.container.id, ...mcpServers.map((server) => server.container.id)],
    },
    { dependsOn: [...keys, ...mcpServers.map((server) => server.health)] },
  );

  return {
    gateway: `${gateway.url}/mcp/`,
    models: `${gateway.url}/v1`,
    tools: check.tools,
    clientKeys: pulumi.secret(pulumi.all(Object.fromEntries(clients.map((client, at) => [client.name, keys[at]!.key])))),
    masterKey: litellm.masterKey,
  };
}

/** What a client may call, as its key carries it. */
function policyOf(client: ClientSettings, servers: readonly ServerSettings[]): McpPolicy {
  const rules = client.servers.map((name) => [name, client.tools[name] ?? { allow: null, deny: [] }] as const);
  return {
    servers: Object.fromEntries(rules),
    everything: rules.length === servers.length && rules.every(([, { allow, deny }]) => allow === null && deny.length === 0),
  };
}

/** The client's allow-lists as LiteLLM takes them. It has no deny-lists: those are the callback's alone. */
function toolPermissionsOf(client: ClientSettings, servers: readonly ServerSettings[]): Record<string, readonly string[]> {
  const allowed = servers.flatMap((server) => {
    const allow = client.tools[server.name]?.allow;
    return allow ? [[serverId(server), allow] as const] : [];
  });
  return Object.fromEntries(allowed);
}

function deployDatabases(
  { docker, postgres, lan, namePrefix }: Settings,
  networks: Networks,
  secret: (name: string) => pulumi.Output<string>,
  opts: pulumi.ComponentResourceOptions,
): Databases {
  const { readOnly, protect } = postgres;
  if (postgres.kind === "existing") {
    const { host, port, adminUser: user, sslmode } = postgres;
    return new Databases("databases", {
      admin: { host, port, user, password: secret(postgres.adminPasswordSecret), sslmode },
      fromContainers: { host, port },
      readOnly,
      protect,
      dependsOn: [],
      deletedWith: undefined,
    });
  }
  const server = new PostgresServer(
    "postgres",
    {
      image: postgres.image,
      namePrefix,
      publish: { ip: lan.address, port: postgres.port },
      memoryMiB: postgres.memoryMiB,
      protect,
      docker,
      networks,
    },
    opts,
  );
  return new Databases("databases", {
    admin: { host: lan.address, port: postgres.port, user: POSTGRES_ADMIN, password: server.adminPassword, sslmode: "disable" },
    fromContainers: { host: PostgresServer.HOST, port: POSTGRES_PORT },
    readOnly,
    protect,
    dependsOn: [server.health],
    deletedWith: server.volume,
  });
}
