import { Provider as DockerProvider } from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { mapValues } from "../lib/map-values.ts";
import { LOOPBACK, POSTGRES_READ_ONLY_URL, type ServerSettings, type Settings } from "../settings/settings.ts";
import { NightlyBackup } from "./backup/nightly.ts";
import { Networks } from "./docker/networks.ts";
import { AUDIT_GROUP, INGRESS_INNER_URL } from "./gateway/addresses.ts";
import { ClientKey } from "./gateway/client-key.ts";
import { GatewayCheck } from "./gateway/gateway-check.ts";
import { IngressRights } from "./gateway/ingress-rights.ts";
import { Ingress } from "./gateway/ingress.ts";
import { rightsOfClient, rightsOfListing, rightsOfScheduledCheck } from "./gateway/key-rights.ts";
import { LiteLlm } from "./gateway/litellm.ts";
import { ScheduledCheck } from "./gateway/scheduled-check.ts";
import { telemetryVariables } from "./gateway/telemetry.ts";
import { McpServer } from "./mcp/mcp-server.ts";
import { Grafana } from "./monitoring/grafana.ts";
import { LogCollector } from "./monitoring/log-collector.ts";
import { ExistingLoki } from "./monitoring/existing-loki.ts";
import { Loki } from "./monitoring/loki.ts";
import { Prometheus } from "./monitoring/prometheus.ts";
import { Databases, LITELLM_DATABASE, networkTo } from "./postgres/databases.ts";
import { PostgresServer } from "./postgres/postgres-server.ts";
import { SpendViews } from "./postgres/spend-views.ts";
import { Redis } from "./redis/redis.ts";
import * as names from "./resource-names.ts";

/** Everything on the host, in the order it depends on each other. `secret` gives a secret of the stack by name. */
export function deploy(settings: Settings, secret: (name: string) => pulumi.Output<string>) {
  const { gateway, servers, clients, scheduledCheck } = settings;
  const provider = new DockerProvider("docker", { host: settings.docker.host, sshOpts: [...settings.docker.sshOpts] });
  const opts = { providers: { docker: provider } };

  const networks = new Networks("networks", { settings }, opts);

  const { databases, server: postgresServer, adminPassword } = deployDatabases(settings, networks, secret, opts);

  const mcpServers = servers.map((server) => {
    const secrets = mapValues(server.secrets, (name) =>
      name === POSTGRES_READ_ONLY_URL ? databases.readOnlyUrl : secret(name),
    );
    const args = { settings, server, secrets, secret, networks, postgres: postgresServer?.container };
    return { server, deployed: new McpServer(names.mcpServer(server.name), args, opts) };
  });
  const tokens = tokensByVariable(mcpServers);
  const serversHealthy = mcpServers.flatMap(({ deployed }) => deployed.health);

  const redis = settings.redis && new Redis(names.REDIS, { settings, redis: settings.redis }, opts);

  const litellm = new LiteLlm(
    names.LITELLM,
    {
      settings,
      secrets: {
        ...mapValues(gateway.secretEnv, secret),
        ...tokens,
        ...(settings.telemetry && telemetryVariables(settings.telemetry, secret)),
      },
      databaseUrl: databases.litellmUrl,
      networks,
      serversHealthy,
      redis,
    },
    { ...opts, ...(redis && { dependsOn: [redis.health] }) },
  );

  const inLiteLlm = { settings, masterKey: litellm.masterKey, database: databases.litellm };
  const whenUp = { dependsOn: [litellm.health] };
  const listing = new ClientKey(names.LISTING_KEY, { ...inLiteLlm, rights: rightsOfListing(settings) }, whenUp);
  const withKeys = clients.map((client) => {
    const rights = rightsOfClient(client, settings);
    const { key } = new ClientKey(names.clientKey(client.name), { ...inLiteLlm, rights }, whenUp);
    return { client, key };
  });

  const ofScheduledCheck = scheduledCheck && {
    client: scheduledCheck.client,
    key: new ClientKey(
      names.SCHEDULED_CHECK_KEY,
      { ...inLiteLlm, rights: rightsOfScheduledCheck(scheduledCheck, settings) },
      whenUp,
    ).key,
  };

  const spend = databases.spendPassword && {
    postgres: settings.postgres,
    network: postgresServer?.spendNetwork ?? networks[networkTo(settings.postgres)],
    password: databases.spendPassword,
    views: new SpendViews(names.SPEND_VIEWS, settings, adminPassword, {
      // LiteLLM has made its tables, in a database that was empty, and what is made for a reader goes before the reader.
      dependsOn: [databases, litellm.health],
      ...(postgresServer && { deletedWith: postgresServer.volume }),
    }),
  };

  const ingress = new Ingress(
    names.INGRESS,
    { settings, listingKey: listing.key, networks },
    // In a stack that an earlier version deployed, LiteLLM has the gateway's port until it is replaced.
    { ...opts, dependsOn: [litellm.container] },
  );
  const rights = new IngressRights(
    names.INGRESS_RIGHTS,
    { settings, ingress, clients: [...withKeys, ...(ofScheduledCheck ? [ofScheduledCheck] : [])] },
    { dependsOn: [ingress.health] },
  );

  const nightly =
    settings.backup &&
    new NightlyBackup(
      names.BACKUP,
      {
        ...{ settings, backup: settings.backup, networks, adminPassword },
        databases: [
          LITELLM_DATABASE,
          ...(settings.postgres.readOnly.create ? [settings.postgres.readOnly.database] : []),
        ].sort(),
        volumes: [
          { name: names.INGRESS_AUDIT, volume: ingress.audit },
          ...mcpServers.flatMap(({ server, deployed: { stored } }) =>
            stored ? [{ name: names.dataOf(names.mcpServer(server.name)), volume: stored }] : [],
          ),
        ],
      },
      // The first is made as soon as it runs.
      { ...opts, dependsOn: [rights] },
    );

  const logs = settings.monitoring?.logs;
  const ownLoki = logs?.loki.kind === "own" ? new Loki(names.LOKI, { settings, loki: logs.loki }, opts) : undefined;

  const prometheus =
    settings.monitoring &&
    new Prometheus(
      names.PROMETHEUS,
      {
        ...{ settings, monitoring: settings.monitoring, networks, tokens },
        ...{ ingress: new URL(INGRESS_INNER_URL).host, lines: ownLoki?.lines },
      },
      { ...opts, dependsOn: [ingress.health] },
    );

  const shown = settings.monitoring?.grafana;
  const grafana =
    shown &&
    prometheus &&
    new Grafana(names.GRAFANA, { settings, grafana: shown, prometheus, loki: ownLoki, spend }, opts);

  const check = new GatewayCheck(
    names.GATEWAY_CHECK,
    {
      settings,
      gatewayUrl: ingress.url,
      clients: withKeys,
      strangers: [
        { what: "the master key", key: litellm.masterKey },
        { what: "the ingress's own key", key: listing.key },
      ],
      triggers: [
        ingress.container.id,
        litellm.container.id,
        ...(redis ? [redis.container.id] : []),
        ...(nightly ? [nightly.container.id] : []),
        ...(prometheus ? [prometheus.container.id] : []),
        ...(ownLoki ? [ownLoki.container.id] : []),
        ...(grafana ? [grafana.container.id] : []),
        ...mcpServers.flatMap(({ deployed }) => deployed.containers.map(({ id }) => id)),
      ],
    },
    { dependsOn: [rights] },
  );

  const scheduled =
    scheduledCheck &&
    ofScheduledCheck &&
    new ScheduledCheck(
      names.SCHEDULED_CHECK,
      {
        ...{ settings, check: scheduledCheck, key: ofScheduledCheck.key, networks, secret },
        ...{ backup: nightly?.told, alerts: prometheus?.alerts },
      },
      // It says so in few words when a server does not work; the gateway check says why, and with which log.
      { ...opts, dependsOn: [check] },
    );

  if (logs) {
    // Its image is on the host, and has a program that can ask.
    const asking = { image: ingress.container.image, gatewayUrl: ingress.url };
    const existing =
      logs.loki.kind === "existing"
        ? new ExistingLoki(
            names.EXISTING_LOKI,
            { settings, loki: logs.loki, secret, ...asking },
            // What the gateway says of itself comes first.
            { ...opts, dependsOn: [check] },
          )
        : undefined;
    new LogCollector(
      names.LOG_COLLECTOR,
      {
        ...{ settings, logs, loki: (ownLoki ?? existing)!.target, ...asking },
        audit: { volume: ingress.audit, group: AUDIT_GROUP },
        // Its own lines, and Loki's about them, would make more of them.
        containers: [
          ...[ingress, litellm, postgresServer, redis, nightly, prometheus, grafana, scheduled].flatMap((part) =>
            part ? [part.container] : [],
          ),
          ...mcpServers.flatMap(({ deployed }) => deployed.containers),
        ],
      },
      { ...opts, dependsOn: [...(ownLoki ? [ownLoki.health] : []), ...(existing ? [existing.takesLines] : [])] },
    );
  }

  return {
    gateway: `${gateway.url}/mcp/`,
    models: `${gateway.url}/v1`,
    tools: check.tools,
    clientKeys: pulumi.secret(pulumi.all(Object.fromEntries(withKeys.map(({ client, key }) => [client.name, key])))),
    masterKey: litellm.masterKey,
    serverTokens: pulumi.secret(
      pulumi.all(
        Object.fromEntries(
          mcpServers.flatMap(({ server, deployed }) =>
            deployed.token && server.debugPort !== undefined ? [[server.name, deployed.token]] : [],
          ),
        ),
      ),
    ),
    ...(databases.spendPassword && { spendPassword: databases.spendPassword }),
    ...(shown && grafana && { grafana: `http://${LOOPBACK}:${shown.port}`, grafanaPassword: grafana.password }),
  };
}

/** What LiteLLM sends to each adapter. */
function tokensByVariable(
  servers: readonly { readonly server: ServerSettings; readonly deployed: McpServer }[],
): Record<string, pulumi.Output<string>> {
  return Object.fromEntries(
    servers.flatMap(({ server, deployed }) =>
      server.adapter && deployed.token ? [[server.adapter.tokenEnv, deployed.token]] : [],
    ),
  );
}

function deployDatabases(
  settings: Settings,
  networks: Networks,
  secret: (name: string) => pulumi.Output<string>,
  opts: pulumi.ComponentResourceOptions,
): {
  readonly databases: Databases;
  readonly server: PostgresServer | undefined;
  readonly adminPassword: pulumi.Output<string>;
} {
  const { postgres } = settings;
  if (postgres.kind === "existing") {
    const adminPassword = secret(postgres.adminPasswordSecret);
    return {
      databases: new Databases(names.DATABASES, { settings, server: undefined, adminPassword }),
      server: undefined,
      adminPassword,
    };
  }
  const server = new PostgresServer(names.POSTGRES, { settings, postgres, networks }, opts);
  const { adminPassword } = server;
  return { databases: new Databases(names.DATABASES, { settings, server, adminPassword }), server, adminPassword };
}
