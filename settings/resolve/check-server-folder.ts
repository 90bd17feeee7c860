import path from "node:path";
import { repeatedValues } from "../../lib/repeated-values.ts";
import { speaksHttpToTypeScript } from "../litellm-versions.ts";
import type { Problems } from "../problems.ts";
import { serverName } from "../schemas/fields.ts";
import type { ServerDefinition } from "../schemas/server-schema.ts";
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
export function checkServerFolder(
  { name, file, definition, toolLock, unreadable }: ServerFolder,
  version: string | undefined,
  problems: Problems,
): void {
  if (!serverName.safeParse(name).success) problems.add(file, "(folder)", name, NAME_ADVICE);
  if (SHADOWED.includes(name))
    problems.add(file, "(folder)", name, `another name: LiteLLM has pages of its own at ${SHADOWED.join(", ")}`);
  problems.include(unreadable);
  if (!definition) return;
  checkDefinition(definition, file, version, problems);
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
  const { source, transport } = definition;
  const packaged = source.kind !== "image";
  if (packaged && transport.kind !== "stdio") {
    problems.add(
      file,
      "transport.kind",
      transport.kind,
      `stdio: a package from ${source.kind} runs behind the wrapper, register says sse or http`,
    );
  }
  if (!packaged && transport.kind === "stdio") {
    problems.add(
      file,
      "transport.kind",
      "stdio",
      "sse or http with a port: an image has to speak one of them by itself; for stdio use pypi or npm",
    );
  }
  if (version && transport.kind === "http" && transport.sdk === "typescript" && !speaksHttpToTypeScript(version)) {
    problems.add(
      file,
      "transport.kind",
      "http",
      `sse if the server offers it, or its npm package with transport: { kind: stdio }: LiteLLM ${version} finds no tools in ` +
        "TypeScript servers over http, it does from 1.77.7",
    );
  }
  if (!packaged && definition.register !== undefined) {
    problems.add(file, "register", definition.register, "leave it out: LiteLLM uses what transport.kind says");
  }
  if (packaged && definition.healthcheck !== undefined) {
    problems.add(file, "healthcheck", definition.healthcheck, "leave it out: the wrapper has its own healthcheck");
  }
  if (!packaged && definition.healthcheck === undefined) {
    problems.add(file, "healthcheck", undefined, "python if the image has python3, otherwise none");
  }
  if (packaged && definition.bearerToken !== undefined) {
    problems.add(file, "bearerToken", definition.bearerToken, "leave it out: the wrapper asks nobody for a token");
  }
  if (!packaged && definition.data) {
    problems.add(file, "data", true, "leave it out: /data is the wrapper's, an image has paths of its own");
  }
  if (!packaged && definition.limits.pids !== undefined) {
    problems.add(file, "limits.pids", definition.limits.pids, "leave it out: only wrapped servers have this limit");
  }
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

/** The package lock of an enabled server has to pin the version that server.yaml names. */
export function checkPackageLock({ name, file, definition, packageLock }: ServerFolder, problems: Problems): void {
  const source = definition?.source;
  if (!packageLock || !source || source.kind === "image") return;
  const lockFile = path.posix.join(path.posix.dirname(file), packageLock.file);
  const command = `run \`npm run lock -- ${name}\``;
  switch (packageLock.state) {
    case "missing":
      return problems.add(lockFile, "(file)", undefined, `${command}: packages are only installed from a package lock`);
    case "unreadable":
      return problems.add(lockFile, "(file)", Symbol(packageLock.reason), command);
    case "read":
      if (packageLock.version === source.version) return;
      problems.add(
        lockFile,
        source.package,
        Symbol(packageLock.version === undefined ? "no such package" : `version ${packageLock.version}`),
        `version ${source.version} as in ${file}: ${command}`,
      );
  }
}
