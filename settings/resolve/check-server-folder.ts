import { refusedHost } from "../../lib/addresses.ts";
import { repeatedValues } from "../../lib/repeated-values.ts";
import { speaksHttpToTypeScript } from "../litellm-versions.ts";
import type { Problems } from "../problems.ts";
import { checkProgram } from "./check-program.ts";
import { serverName } from "../schemas/fields.ts";
import { isProxyVariable } from "./risks.ts";
import { isBuilt, type ServerDefinition } from "../schemas/server-schema.ts";
import type { ServerFolder } from "../server-folders.ts";
import { POSTGRES_READ_ONLY_URL } from "../settings.ts";

/** Paths below LiteLLM's `/mcp` that it answers itself. A server with such a name could not be reached. */
const SHADOWED = ["enabled", "docs", "redoc", "sse", "tools", "openapi"];

const NAME_ADVICE = "a folder's name of lower-case letters, digits and _, beginning with a letter: LiteLLM refuses -";

/**
 * Says what is wrong with a folder under `mcp/`, whether the stack uses it or not.
 *
 * @param version LiteLLM's; undefined when the stack does not say it, which is a problem of its own.
 */
export function checkServerFolder(folder: ServerFolder, version: string | undefined, problems: Problems): void {
  const { name, file, definition, toolLock, unreadable } = folder;
  if (!serverName.safeParse(name).success) problems.add(file, "(folder)", name, NAME_ADVICE);
  if (SHADOWED.includes(name))
    problems.add(file, "(folder)", name, `another name: LiteLLM has pages of its own at ${SHADOWED.join(", ")}`);
  problems.include(unreadable);
  if (!definition) return;
  checkDefinition(definition, file, version, problems);
  checkProgram(folder, problems);
  const { check } = definition;
  if (toolLock && check && !Object.hasOwn(toolLock, check.tool))
    problems.add(file, "check.tool", check.tool, `one of its tools: ${Object.keys(toolLock).join(", ")}`);
}

/** Rules between the keys of one server.yaml: `source` and `transport` decide which other keys make sense. */
function checkDefinition(
  definition: ServerDefinition,
  file: string,
  version: string | undefined,
  problems: Problems,
): void {
  checkSource(definition, file, problems);
  const { transport } = definition;
  if (
    version &&
    definition.adapter === "none" &&
    transport.kind === "http" &&
    transport.sdk === "typescript" &&
    !speaksHttpToTypeScript(version)
  ) {
    problems.add(
      file,
      "adapter",
      "none",
      `leave it out: without the adapter LiteLLM ${version} finds no tools in TypeScript servers over http, it does from 1.77.7`,
    );
  }
  for (const key of ["env", "secrets", "required"] as const)
    for (const variable of Object.keys(definition[key]))
      if (definition.proxied && isProxyVariable(variable))
        problems.add(file, `${key}.${variable}`, Symbol(variable), "leave it out: proxied: true sets it");
  for (const variable of Object.keys(definition.required)) {
    if (Object.hasOwn(definition.env, variable) || Object.hasOwn(definition.secrets, variable))
      problems.add(file, `required.${variable}`, Symbol(variable), `${variable} in one of env, secrets and required`);
  }
  for (const [variable, secret] of Object.entries(definition.secrets)) {
    if (Object.hasOwn(definition.env, variable)) {
      problems.add(file, `env.${variable}`, definition.env[variable], `${variable} in env or in secrets, not in both`);
    }
    if (secret === POSTGRES_READ_ONLY_URL && !definition.postgres) {
      problems.add(
        file,
        "postgres",
        false,
        `true: ${variable} is the address of Postgres, which only servers with postgres: true reach`,
      );
    }
  }
  for (const key of ["name", "target"] as const) {
    for (const [index, repeated] of repeatedValues(definition.mounts.map((mount) => mount[key]))) {
      problems.add(file, `mounts[${index}].${key}`, repeated, `a ${key} that no other mount has`);
    }
  }
}

/** What makes sense for a package, an image or an address alone. */
function checkSource(definition: ServerDefinition, file: string, problems: Problems): void {
  const { source, transport, limits } = definition;
  // Not as it is written: somebody may have written the password itself.
  const basicLogin = definition.basicLogin && Symbol("a name and a password");
  const refuse = (path: string, value: unknown, write: string) => {
    if (value !== undefined && value !== false && !(Array.isArray(value) && !value.length))
      problems.add(file, path, value, write);
  };
  const isStarted = isBuilt(source);
  const what = source.kind === "program" ? "a program of your own" : "a package";
  const isImage = source.kind === "image";
  const isUrl = source.kind === "url";
  if (isStarted && transport.kind !== "stdio")
    refuse(
      "transport.kind",
      transport.kind,
      source.kind === "program"
        ? "stdio: the adapter starts the program"
        : `stdio: the adapter starts a package from ${source.kind}`,
    );
  if (!isStarted && transport.kind === "stdio")
    refuse(
      "transport.kind",
      "stdio",
      isUrl
        ? "sse or http: which of them the address speaks"
        : "sse or http with a port: an image has to speak one of them by itself; for stdio use pypi, npm or program",
    );
  if (transport.kind !== "stdio") {
    if (isImage && transport.port === undefined)
      problems.add(file, "transport.port", undefined, "the port it listens on inside the container");
    if (isUrl) refuse("transport.port", transport.port, "leave it out: source.url says it");
    if (isUrl) refuse("transport.path", transport.path, "leave it out: source.url says it");
    if (definition.adapter !== "none")
      refuse("transport.sdk", transport.sdk, "leave it out: with the adapter it makes no difference");
    else if (transport.kind === "http" && transport.sdk === undefined)
      problems.add(file, "transport.sdk", undefined, "the SDK the server is made with: python, typescript or go");
  }
  if (!isStarted)
    refuse("proxied", definition.proxied, "leave it out: only what the adapter starts asks for pages through it");
  else if (definition.proxied && !definition.egress)
    problems.add(file, "egress", false, "true: with proxied: true its adapter reaches for it what it asks for");
  if (!isImage) refuse("adapter", definition.adapter, "leave it out: only an image can do without");
  if (definition.adapter === "none") {
    refuse("register", definition.register, "leave it out: LiteLLM uses what transport.kind says");
    refuse("basicLogin", basicLogin, "leave it out: without the adapter LiteLLM sends a bearer token or nothing");
    for (const header of Object.keys(definition.headers))
      refuse(
        `headers.${header}`,
        Symbol(header),
        "leave it out: without the adapter LiteLLM sends a bearer token or nothing",
      );
  }
  if (isStarted) {
    refuse("bearerToken", definition.bearerToken, `leave it out: ${what} is asked over stdio, without a token`);
    refuse("basicLogin", basicLogin, `leave it out: ${what} is asked over stdio, without a login`);
    for (const header of Object.keys(definition.headers))
      refuse(`headers.${header}`, Symbol(header), `leave it out: ${what} is asked over stdio, without headers`);
  }
  if (definition.bearerToken !== undefined)
    refuse("basicLogin", basicLogin, "leave it out, or bearerToken: a request has one Authorization");
  if (isImage && definition.healthcheck === undefined)
    problems.add(file, "healthcheck", undefined, "python if the image has python3, otherwise none");
  if (!isImage) refuse("healthcheck", definition.healthcheck, "leave it out: the adapter has its own healthcheck");
  if (isImage) {
    refuse("data", definition.data, "leave it out: /data is for packages, an image has paths of its own");
    refuse("limits.pids", limits.pids, "leave it out: only packages have this limit");
  }
  if (isUrl) {
    const elsewhere = "leave it out: the server runs elsewhere";
    for (const key of ["egress", "postgres", "data", "mounts"] as const) refuse(key, definition[key], elsewhere);
    for (const key of ["env", "secrets", "required"] as const)
      for (const variable of Object.keys(definition[key])) refuse(`${key}.${variable}`, Symbol(variable), elsewhere);
    for (const key of ["pids", "tmp"] as const) refuse(`limits.${key}`, limits[key], elsewhere);
    checkUrl(source.url, definition, file, problems);
  }
  if (!isUrl && definition.risks.includes("outside-lan"))
    refuse("risks", definition.risks, "no outside-lan: it is for source.url; an image or a package has egress");
}

/** What can be seen of an address before anybody connects to it; the adapter judges what a name resolves to. */
function checkUrl(url: string, { risks }: ServerDefinition, file: string, problems: Problems): void {
  const reason = refusedHost(new URL(url), { isPublic: risks.includes("outside-lan") });
  if (reason === "a public address")
    problems.add(file, "source.url", url, "an address of the LAN; for one outside of it, risks: [outside-lan]");
  else if (reason !== undefined) problems.add(file, "source.url", url, `an address of the LAN: this is ${reason}`);
}
