import { existsSync } from "node:fs";
import type { z } from "zod";
import { compareText } from "../lib/compare-text.ts";
import { isMap } from "../lib/is-map.ts";
import { unknownKeyAdvice } from "./litellm-versions.ts";
import { daemonNames } from "./resolve/daemon-names.ts";
import { checkPorts, publishedPorts } from "./resolve/published-ports.ts";
import { resolveClients } from "./resolve/resolve-clients.ts";
import { type Context, type LoadArgs, type Parsed, setSecret, stackPath } from "./context.ts";
import { resolveNetworks, resolvePostgres } from "./resolve/resolve-postgres.ts";
import {
  adminPort,
  checkGatewaySettings,
  gatewayVersion,
  resolveModels,
  secretVariable,
} from "./resolve/resolve-gateway.ts";
import { Problems, unknownKey } from "./problems.ts";
import { checkServerFolder } from "./resolve/check-server-folder.ts";
import { checkRouting } from "./resolve/check-routing.ts";
import { resolveGuard } from "./resolve/resolve-guard.ts";
import { checkBackup, resolveBackup } from "./resolve/resolve-backup.ts";
import { checkMonitoring, resolveMonitoring } from "./resolve/resolve-monitoring.ts";
import { resolveRedis } from "./resolve/resolve-redis.ts";
import { resolveScheduledCheck } from "./resolve/resolve-scheduled-check.ts";
import { resolveTelemetry } from "./resolve/resolve-telemetry.ts";
import { resolveServers } from "./resolve/resolve-servers.ts";
import { readServerFolders } from "./server-folders.ts";
import { POSTGRES_READ_ONLY_URL, type Settings } from "./settings.ts";
import { expandHome, isSshHost, sshOptions } from "./resolve/ssh-options.ts";
import { stackKeys } from "./schemas/stack-schema.ts";

/**
 * Checks everything that the user wrote and resolves it. Throws one SettingsError with all problems, and changes
 * nothing.
 */
export function loadSettings(args: LoadArgs): Settings {
  const context: Context = { ...args, problems: new Problems(), warnings: [], usedSecrets: new Set() };
  const { problems, warnings } = context;

  const stack = parseStack(context);
  const version = stack.gateway && gatewayVersion(stack.gateway, context);
  const folders = readServerFolders(args.mcpDir);
  for (const folder of folders) checkServerFolder(folder, version, problems);
  const existingNetworks = resolveNetworks(stack, context);
  const names = daemonNames(stack.namePrefix ?? "", existingNetworks);
  const servers = resolveServers(
    folders,
    stack.servers ?? {},
    { version, namePrefix: stack.namePrefix ?? "" },
    context,
  );
  const models = resolveModels(stack.models ?? [], context);
  checkRouting(stack, context);
  const telemetry = stack.telemetry && stack.gateway && resolveTelemetry(stack.telemetry, stack.gateway, context);
  const clients = resolveClients(stack, folders, servers, context);
  const scheduledCheck =
    stack.scheduledCheck && resolveScheduledCheck(stack.scheduledCheck, servers, stack.namePrefix ?? "", context);
  checkDocker(stack, context);
  if (stack.gateway && version) checkGatewaySettings(stack.gateway, version, context);
  const postgres = stack.postgres && resolvePostgres(stack.postgres, stack.docker?.host, context);
  const ports = publishedPorts(stack, folders);
  checkPorts(ports, context);
  if (stack.monitoring) checkMonitoring(stack.monitoring, existingNetworks, context);
  checkSecrets(context);
  if (stack.backup) checkBackup(stack.backup, context);

  const { docker, lan, gateway, namePrefix, ...rest } = problems.complete({ ...stack, version, postgres });
  const hostname = lan.hostname ?? lan.address;
  const tokens = folders.flatMap(({ name, definition }) =>
    // An adapter has a token of its own, which the program makes.
    definition?.bearerToken && servers.some((server) => server.name === name && !server.adapter)
      ? [definition.bearerToken]
      : [],
  );
  const monitoring = stack.monitoring && resolveMonitoring(stack.monitoring, rest.postgres, scheduledCheck, namePrefix);
  const gatewaySecrets = [...rest.models.flatMap(({ secrets }) => Object.values(secrets)), ...tokens].sort(compareText);
  return {
    docker: { host: docker.host, sshOpts: isSshHost(docker.host) ? sshOptions(docker) : [] },
    lan: { address: lan.address, hostname },
    gateway: {
      image: gateway.image,
      version: rest.version,
      port: gateway.port,
      adminPort: adminPort(gateway),
      url: `http://${hostname}:${gateway.port}`,
      memoryMiB: gateway.memory,
      debug: gateway.debug,
      audit: { results: gateway.auditResults, days: gateway.auditDays, mib: gateway.auditMiB },
      bodyMiB: gateway.bodyMiB,
      storePrompts: gateway.storePrompts,
      spendDays: gateway.spendDays,
      generalSettings: gateway.generalSettings,
      litellmSettings: gateway.litellmSettings,
      secretEnv: Object.fromEntries(gatewaySecrets.map((name) => [secretVariable(name), name])),
    },
    postgres: rest.postgres,
    models,
    routing: stack.routing,
    redis: stack.redis && resolveRedis(stack.redis, namePrefix),
    backup: stack.backup && resolveBackup(stack.backup, rest.postgres, namePrefix),
    scheduledCheck,
    monitoring,
    telemetry,
    guard: stack.guard && resolveGuard(stack.guard),
    servers,
    clients,
    namePrefix,
    names,
    existingNetworks,
    publishedPorts: ports.filter(({ container }) =>
      [
        ...Object.values(names.containers),
        ...(monitoring ? [monitoring.container] : []),
        ...(monitoring?.logs?.loki.kind === "own" ? [monitoring.logs.loki.container] : []),
        ...(monitoring?.grafana ? [monitoring.grafana.container] : []),
        ...servers.map((server) => server.adapter?.container ?? server.container),
      ].includes(container),
    ),
    warnings,
  };
}

function parseStack({ config, stackFile, problems }: Context): Parsed {
  const parse = <T>(key: string, schema: z.ZodType<T>, value: unknown) =>
    problems.parse(schema, value, stackFile, stackPath(key), unknownKeyAdvice);
  /** Entry by entry, so that the checks that follow see the good entries beside a wrong one. */
  const parseEach = <T>(key: string, schema: z.ZodType<T>): T | undefined => {
    const value = config[key];
    if (!isMap(value)) return parse(key, schema, value);
    const good = Object.entries(value).filter(([name, entry]) => parse(key, schema, { [name]: entry }) !== undefined);
    return parse(key, schema, Object.fromEntries(good));
  };

  if ("secrets" in config) {
    problems.add(
      stackFile,
      stackPath("secrets"),
      Symbol("values that are not encrypted"),
      `a map of secrets: ${setSecret("NAME")}`,
    );
  }
  for (const key of Object.keys(config).filter((key) => !Object.hasOwn(stackKeys, key) && key !== "secrets")) {
    const known = [...Object.keys(stackKeys), "secrets"].join(", ");
    problems.add(stackFile, stackPath(key), unknownKey, unknownKeyAdvice(key) ?? `one of the keys ${known}`);
  }
  return {
    docker: parse("docker", stackKeys.docker, config["docker"]),
    lan: parse("lan", stackKeys.lan, config["lan"]),
    gateway: parseEach("gateway", stackKeys.gateway),
    postgres: parse("postgres", stackKeys.postgres, config["postgres"]),
    existingNetworks: parse("existingNetworks", stackKeys.existingNetworks, config["existingNetworks"]),
    models: parse("models", stackKeys.models, config["models"]),
    routing: parse("routing", stackKeys.routing, config["routing"]),
    redis: parse("redis", stackKeys.redis, config["redis"]),
    backup: parse("backup", stackKeys.backup, config["backup"]),
    scheduledCheck: parse("scheduledCheck", stackKeys.scheduledCheck, config["scheduledCheck"]),
    monitoring: parse("monitoring", stackKeys.monitoring, config["monitoring"]),
    telemetry: parse("telemetry", stackKeys.telemetry, config["telemetry"]),
    guard: parse("guard", stackKeys.guard, config["guard"]),
    servers: parseEach("servers", stackKeys.servers),
    clients: parseEach("clients", stackKeys.clients),
    namePrefix: parse("namePrefix", stackKeys.namePrefix, config["namePrefix"]),
  };
}

function checkDocker({ docker, lan }: Parsed, { stackFile, problems, warnings }: Context): void {
  if (!docker) return;
  const { host, ...ssh } = docker;
  if (!isSshHost(host)) {
    for (const [key, value] of Object.entries(ssh)) {
      if (value !== undefined && value.length > 0)
        problems.add(stackFile, stackPath("docker", key), value, "leave it out: docker.host is a socket, not ssh://");
    }
    return;
  }
  for (const key of ["knownHosts", "identity"] as const) {
    const file = ssh[key];
    if (file && !existsSync(expandHome(file)))
      problems.add(stackFile, stackPath("docker", key), file, "a file that exists on this machine");
  }
  if (lan?.address.startsWith("127.")) {
    warnings.push(`Ports are published on ${lan.address} of the host behind ${host}: no other machine reaches them.`);
  }
}

function checkSecrets({ stackFile, secretNames, usedSecrets, problems, warnings }: Context): void {
  const path = (name: string) => stackPath("secrets", name);
  for (const name of [...usedSecrets].sort(compareText)) {
    if (name !== POSTGRES_READ_ONLY_URL && !secretNames.includes(name))
      problems.add(stackFile, path(name), undefined, setSecret(name));
  }
  for (const name of secretNames) {
    if (name === POSTGRES_READ_ONLY_URL)
      problems.add(stackFile, path(name), Symbol("a secret"), "another name: this program provides it");
    else if (!usedSecrets.has(name)) warnings.push(`Nothing on this stack uses the secret ${path(name)}.`);
  }
}
