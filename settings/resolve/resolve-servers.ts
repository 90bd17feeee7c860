import { compareText } from "../../lib/compare-text.ts";
import { own } from "../../lib/own.ts";
import { sorted } from "../../lib/sorted.ts";
import { type Context, stackPath } from "../context.ts";
import { exposesEngine, exposesSystem, isProxyVariable, type Risk, SYSTEM_DIRECTORIES } from "./risks.ts";
import { secretVariable } from "./resolve-gateway.ts";
import { nativeHost, serverHost, serverNames } from "./daemon-names.ts";
import { mayLockUpOverHttp } from "../litellm-versions.ts";
import { checkPackages } from "./check-packages.ts";
import type { ServerFolder } from "../server-folders.ts";
import { languageOf, type ServerDefinition } from "../schemas/server-schema.ts";
import type { ServerSettings, ServerSource } from "../settings.ts";
import { adapterEndpoint, imageEndpoint, resolveAdapter } from "./resolve-adapter.ts";
import type { StackConfig } from "../schemas/stack-schema.ts";

/**
 * The enabled servers with the stack's changes applied; notes the secrets they need.
 *
 * @param deployed LiteLLM's version, undefined when the stack does not say it, which is a problem of its own; and what goes before
 * names on the daemon.
 */
export function resolveServers(
  folders: readonly ServerFolder[],
  overrides: StackConfig["servers"],
  deployed: Deployed,
  context: Context,
): ServerSettings[] {
  const { stackFile, problems } = context;
  const names = folders.map(({ name }) => name);
  for (const name of Object.keys(overrides).filter((name) => !names.includes(name))) {
    problems.add(
      stackFile,
      stackPath("servers", name),
      name,
      `the name of a folder under mcp/: ${names.join(", ") || "there is none"}`,
    );
  }
  return folders.flatMap((folder) => {
    const { name, file, definition } = folder;
    if (!definition) return [];
    for (const [index, group] of definition.accessGroups.entries()) {
      if (names.includes(group))
        problems.add(file, `accessGroups[${index}]`, group, "a group whose name is not that of a server");
    }
    const override = own(overrides, name) ?? NO_CHANGES;
    checkOverride(override, name, definition, context);
    checkCosts(override, folder, context);
    if (!(override.enabled ?? definition.enabled)) return [];
    checkPackages(folder, problems);
    checkRequired(override, name, definition, context);
    checkRisks(override, name, folder, definition, context);
    const { secrets, headers, bearerToken, basicLogin } = definition;
    const used = [...Object.values({ ...secrets, ...override.secrets, ...headers }), bearerToken, basicLogin?.password];
    for (const secret of used) if (secret !== undefined) context.usedSecrets.add(secret);
    return [resolveServer(folder, definition, override, deployed, context)];
  });
}

interface Deployed {
  readonly version: string | undefined;
  readonly namePrefix: string;
}

type Override = StackConfig["servers"][string];

/** Of a server that the stack does not mention. */
export const NO_CHANGES: Override = {
  mounts: {},
  env: {},
  secrets: {},
  acceptRisks: [],
  toolCosts: {},
  lanAddresses: [],
};

function checkOverride(
  override: Override,
  name: string,
  definition: ServerDefinition,
  { stackFile, problems }: Context,
): void {
  if (definition.source.kind === "url") {
    for (const key of ["env", "secrets", "egress"] as const) {
      const value = override[key];
      if (value !== undefined && !(typeof value === "object" && Object.keys(value).length === 0))
        problems.add(stackFile, stackPath("servers", name, key), value, "leave it out: the server runs elsewhere");
    }
  }
  checkLanAddresses(override, name, definition, { stackFile, problems });
  const mounts = definition.mounts.map((mount) => mount.name);
  for (const mount of Object.keys(override.mounts).filter((mount) => !mounts.includes(mount))) {
    const path = stackPath("servers", name, "mounts", mount);
    problems.add(
      stackFile,
      path,
      mount,
      mounts.length ? `one of its mounts: ${mounts.join(", ")}` : "leave it out: the server has no mounts",
    );
  }
  for (const variable of Object.keys(override.env).filter((variable) => Object.hasOwn(definition.secrets, variable))) {
    const path = stackPath("servers", name, "env", variable);
    problems.add(
      stackFile,
      path,
      override.env[variable],
      "leave it out: server.yaml takes this variable from a secret",
    );
  }
  for (const variable of Object.keys(override.env).filter((variable) => Object.hasOwn(override.secrets, variable))) {
    const path = stackPath("servers", name, "env", variable);
    problems.add(stackFile, path, override.env[variable], `${variable} in env or in secrets, not in both`);
  }
}

/** What a server reaches by itself, nobody opens or closes for it; what leads past the adapter is nobody's to set. */
function checkLanAddresses(
  { lanAddresses, env, secrets }: Override,
  name: string,
  { proxied }: ServerDefinition,
  { stackFile, problems }: Pick<Context, "stackFile" | "problems">,
): void {
  const path = (...keys: readonly string[]) => stackPath("servers", name, ...keys);
  if (!proxied && lanAddresses.length > 0)
    problems.add(
      stackFile,
      path("lanAddresses"),
      lanAddresses,
      `leave it out: ${name} does not ask for pages through its adapter (proxied in server.yaml), and egress alone says what it reaches`,
    );
  if (!proxied) return;
  for (const [key, variables] of Object.entries({ env, secrets }))
    for (const variable of Object.keys(variables).filter(isProxyVariable))
      problems.add(
        stackFile,
        path(key, variable),
        Symbol(variable),
        "leave it out: the server asks for pages through its adapter",
      );
}

/** Refuses the price of a tool that the server does not have: the tool that was meant would cost nothing. */
function checkCosts({ toolCosts }: Override, { name, toolLock }: ServerFolder, { stackFile, problems }: Context): void {
  if (!toolLock) return;
  for (const tool of Object.keys(toolCosts).filter((tool) => !Object.hasOwn(toolLock, tool))) {
    const write = `one of its tools: ${Object.keys(toolLock).join(", ")}`;
    problems.add(stackFile, stackPath("servers", name, "toolCosts", tool), tool, write);
  }
}

/**
 * Variables that only the stack knows. Without them the server would start and list its tools, and fail on every call.
 */
function checkRequired(
  { env, secrets }: Override,
  name: string,
  { required }: ServerDefinition,
  { stackFile, problems }: Context,
): void {
  for (const [variable, write] of Object.entries(required)) {
    if (!Object.hasOwn(env, variable) && !Object.hasOwn(secrets, variable))
      problems.add(stackFile, stackPath("servers", name, "env", variable), undefined, write);
  }
}

/** A risk needs two people's consent: of whoever writes server.yaml, and of whoever runs the stack. */
function checkRisks(
  { mounts, acceptRisks }: Override,
  name: string,
  { file }: ServerFolder,
  { risks }: ServerDefinition,
  { stackFile, problems }: Context,
): void {
  const path = stackPath("servers", name, "acceptRisks");
  for (const risk of acceptRisks.filter((risk) => !risks.includes(risk)))
    problems.add(stackFile, path, risk, `leave it out: ${file} does not declare this risk`);
  for (const risk of risks.filter((risk) => !acceptRisks.includes(risk)))
    problems.add(stackFile, path, undefined, `[${risk}], if you take it: ${RISK_MEANS[risk]}; or turn the server off`);
  for (const [mount, source] of Object.entries(mounts)) {
    const write =
      exposesEngine(source) && !risks.includes("docker-socket")
        ? `a directory that the server needs: ${RISK_MEANS["docker-socket"]}; a server that is made for it declares risks: [docker-socket] in ${file}`
        : exposesSystem(source) &&
          `a directory such as /srv/data: ${SYSTEM_DIRECTORIES.join(", ")} belong to the host's own system`;
    if (write) problems.add(stackFile, stackPath("servers", name, "mounts", mount), source, write);
  }
}

const RISK_MEANS: Readonly<Record<Risk, string>> = {
  "docker-socket": "whoever can use the socket of the container engine controls the whole host",
  "outside-lan": "what clients send to its tools leaves the LAN, in clear",
};

function resolveServer(
  { name, folder, toolLock }: ServerFolder,
  definition: ServerDefinition,
  { mounts, debugPort, env, costPerCall, toolCosts, ...override }: Override,
  { version, namePrefix }: Deployed,
  { warnings }: Context,
): ServerSettings {
  const { source, transport, limits } = definition;
  const names = serverNames(namePrefix, serverHost(name));
  const adapter = definition.adapter === "none" ? undefined : resolveAdapter(name, definition, names);
  // Another name than the adapter's, which an `up` that takes the adapter away removes last of all.
  const host = adapter ? serverHost(name) : nativeHost(name);
  const { register, port, path } =
    adapter || transport.kind === "stdio" ? adapterEndpoint(definition.register) : imageEndpoint(transport);
  if (version && register === "http" && mayLockUpOverHttp(version)) {
    warnings.push(
      `\`${name}\` is registered as http: on LiteLLM ${version} one call to it while its container is down can lock /mcp/ ` +
        "for all servers until the healthcheck restarts the gateway.",
    );
  }
  if (debugPort !== undefined && !adapter) {
    warnings.push(
      `\`${name}\` is published on port ${debugPort}: every machine that reaches it can call its tools without a key.`,
    );
  }
  const secrets = { ...definition.secrets, ...override.secrets };
  const plain = Object.entries({ ...definition.env, ...env }).filter(([variable]) => !Object.hasOwn(secrets, variable));
  return {
    name,
    description: definition.description,
    folder,
    source: sourceOf(source),
    command: source.kind === "url" ? [] : source.command,
    adapter,
    register,
    host,
    container: names.container,
    port,
    url: `http://${host}:${port}${path}`,
    env: sorted(Object.fromEntries(plain)),
    secrets: sorted(secrets),
    bearerTokenEnv: adapter ? adapter.tokenEnv : definition.bearerToken && secretVariable(definition.bearerToken),
    egress: override.egress ?? definition.egress,
    lanAddresses: definition.proxied ? override.lanAddresses : undefined,
    postgres: definition.postgres,
    dataVolume: definition.data ? names.dataVolume : undefined,
    accessGroups: definition.accessGroups,
    mounts: definition.mounts.flatMap((mount) => {
      const bound = own(mounts, mount.name);
      return bound === undefined ? [] : [{ ...mount, source: bound }];
    }),
    risks: definition.risks,
    memoryMiB: limits.memory,
    processes: limits.pids ?? 128,
    writableTmpMiB: limits.tmp ?? (source.kind === "image" ? undefined : 64),
    healthcheck: definition.healthcheck ?? "none",
    debugPort,
    toolLock,
    check: definition.check,
    cost:
      costPerCall === undefined && !Object.keys(toolCosts).length
        ? undefined
        : { perCall: costPerCall, tools: sorted(toolCosts) },
  };
}

function sourceOf(source: ServerDefinition["source"]): ServerSource {
  switch (source.kind) {
    case "image":
      return { kind: "native", image: source.image };
    case "url":
      return { kind: "remote" };
    default: {
      const runtime = languageOf(source) === "python" ? "python" : "npm";
      const builtPackages = [...source.installScripts, ...source.buildFromSource].sort(compareText);
      return { kind: "wrapped", runtime, isOwnProgram: source.kind === "program", builtPackages };
    }
  }
}
