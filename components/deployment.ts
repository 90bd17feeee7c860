import { Provider as DockerProvider } from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { enforcesToolPermissions } from "../settings/litellm-versions.ts";
import {
  type ClientSettings,
  LOOPBACK,
  POSTGRES_READ_ONLY_URL,
  type ServerSettings,
  type Settings,
} from "../settings/settings.ts";
import { ClientKey } from "./gateway/client-key.ts";
import { Databases } from "./postgres/databases.ts";
import { GatewayCheck } from "./gateway/gateway-check.ts";
import { Ingress } from "./gateway/ingress.ts";
import { IngressRights } from "./gateway/ingress-rights.ts";
import { LiteLlm } from "./gateway/litellm.ts";
import { keyGroups, renderLiteLlmConfig, serverId, spendWrittenWithin } from "./gateway/litellm-config.ts";
import { McpServer } from "./mcp/mcp-server.ts";
import { Networks } from "./docker/networks.ts";
import { POSTGRES_ADMIN, POSTGRES_PORT, PostgresServer } from "./postgres/postgres-server.ts";
import { mapValues } from "../lib/map-values.ts";

/** No client can have this name, which has a colon. */
const LISTING_ALIAS = "ingress:listing";
/** LiteLLM's word for a key without models; an empty list means all. */
const NO_MODELS = "no-default-models";
/** Room for bodies: those of all requests together are limited by the ingress. */
const INGRESS_MEMORY_MIB = 512;

/** Everything on the host, in the order it depends on each other. `secret` gives a secret of the stack by name. */
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
      adminPort: gateway.adminPort,
      ingressUrl: Ingress.INNER_URL,
      memoryMiB: gateway.memoryMiB,
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
          secrets: mapValues(server.secrets, (name) =>
            name === POSTGRES_READ_ONLY_URL ? databases.readOnlyUrl : secret(name),
          ),
          docker: settings.docker,
          networks,
          postgresIsExternal: settings.postgres.kind === "existing",
        },
        opts,
      ),
  );

  const admin = { docker: settings.docker, port: gateway.adminPort };
  const registered = { admin, masterKey: litellm.masterKey, deletedWith: databases.litellm };
  // With it the ingress lists the tools of all servers, once for all clients; it opens nothing else and no model.
  const listing = new ClientKey(
    "ingress-listing",
    {
      ...registered,
      alias: LISTING_ALIAS,
      groups: keyGroups(
        servers.map(({ name }) => name),
        gateway.version,
      ),
      toolPermissions: undefined,
      models: [NO_MODELS],
      routes: ["/mcp", "/mcp/*"],
      budget: undefined,
    },
    { dependsOn: [litellm.health] },
  );
  const keys = clients.map((client) => {
    const key = new ClientKey(
      `client-${client.name}`,
      {
        ...registered,
        alias: client.name,
        groups: keyGroups(client.servers, gateway.version),
        toolPermissions: enforcesToolPermissions(gateway.version) ? toolPermissionsOf(client, servers) : undefined,
        models: client.models,
        budget: client.budget,
      },
      { dependsOn: [litellm.health] },
    );
    return { client, key };
  });

  const ingress = new Ingress(
    "ingress",
    {
      namePrefix,
      publish: { ip: lan.address, port: gateway.port },
      litellmUrl: LiteLlm.INNER_URL,
      listingKey: listing.key,
      memoryMiB: INGRESS_MEMORY_MIB,
      bodyMiB: gateway.bodyMiB,
      audit: gateway.audit,
      docker: settings.docker,
      networks,
    },
    // On a stack of an earlier version LiteLLM has the port until it is replaced.
    { ...opts, dependsOn: [litellm.container] },
  );
  const rights = new IngressRights(
    "ingress-rights",
    {
      docker: settings.docker,
      container: ingress.container,
      file: Ingress.RIGHTS_FILE,
      gatewayUrl: ingress.url,
      servers,
      clients: keys.map(({ client, key }) => ({ client, key: key.key })),
    },
    { dependsOn: [ingress.health] },
  );

  const check = new GatewayCheck(
    "gateway-check",
    {
      gatewayUrl: ingress.url,
      docker: settings.docker,
      servers: servers.map(({ name, host, toolLock, check }) => ({
        name,
        container: `${namePrefix}${host}`,
        lock: toolLock ?? null,
        call: check ? { tool: check.tool, arguments: check.arguments, expect: check.expect ?? null } : null,
      })),
      clients: keys.map(({ client, key }) => ({ name: client.name, key: key.key, rules: client.rules })),
      strangers: [
        { what: "the master key", key: litellm.masterKey },
        { what: "the ingress's own key", key: listing.key },
      ],
      stack: pulumi.getStack(),
      triggers: [ingress.container.id, litellm.container.id, ...mcpServers.map((server) => server.container.id)],
    },
    { dependsOn: [rights, ...mcpServers.map((server) => server.health)] },
  );

  return {
    gateway: `${gateway.url}/mcp/`,
    models: `${gateway.url}/v1`,
    tools: check.tools,
    clientKeys: pulumi.secret(pulumi.all(Object.fromEntries(keys.map(({ client, key }) => [client.name, key.key])))),
    masterKey: litellm.masterKey,
  };
}

/** The client's allow-lists as LiteLLM takes them. It has no deny-lists: those are the ingress's alone. */
function toolPermissionsOf(
  client: ClientSettings,
  servers: readonly ServerSettings[],
): Record<string, readonly string[]> {
  const allowed = servers.flatMap((server) => {
    const allow = client.rules[server.name]?.allow;
    return allow ? [[serverId(server), allow] as const] : [];
  });
  return Object.fromEntries(allowed);
}

function deployDatabases(
  { docker, postgres, namePrefix }: Settings,
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
      port: postgres.port,
      memoryMiB: postgres.memoryMiB,
      protect,
      docker,
      networks,
    },
    opts,
  );
  return new Databases("databases", {
    admin: {
      host: LOOPBACK,
      port: postgres.localPort,
      user: POSTGRES_ADMIN,
      password: server.adminPassword,
      sslmode: "disable",
    },
    fromContainers: { host: PostgresServer.HOST, port: POSTGRES_PORT },
    readOnly,
    protect,
    dependsOn: [server.health],
    deletedWith: server.volume,
  });
}
