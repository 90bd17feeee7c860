import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { speaksHttpToTypeScript, unknownKeyAdvice } from "../litellm-versions.ts";
import { serverName } from "../schemas/fields.ts";
import { lockedPackage } from "./package-lock.ts";
import { compareText, type Problems, repeatedValues } from "../problems.ts";
import { serverDefinition, type ServerDefinition } from "../schemas/server-schema.ts";
import { POSTGRES_READ_ONLY_URL } from "../settings.ts";
import { TOOL_LOCK_FILE, toolLock, type ToolLock } from "../../approval/tool-lock.ts";

/** One folder under `mcp/`. */
export interface ServerFolder {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** `mcp/<name>/server.yaml`, as messages call it. */
  readonly file: string;
  /** Undefined: something in it is wrong and was noted. */
  readonly definition: ServerDefinition | undefined;
  /** Its tools as approved; undefined before they are, or when the file is wrong, which was noted. */
  readonly lock: ToolLock | undefined;
}

/** Paths and words that LiteLLM's `/mcp` answers itself, so that a server of that name could not be reached. */
const SHADOWED = ["enabled", "docs", "redoc", "sse", "tools", "openapi"];

const NAME_ADVICE = "a folder's name of lower-case letters, digits and _, beginning with a letter: LiteLLM refuses -";

/** Every folder under `mcpDir` but those that begin with `_` or `.`, sorted; `version` is LiteLLM's. */
export function readServerFolders(mcpDir: string, version: string, problems: Problems): ServerFolder[] {
  return readdirSync(mcpDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^[_.]/.test(entry.name))
    .map((entry) => entry.name)
    .sort(compareText)
    .map((name) => {
      const folder = path.resolve(mcpDir, name);
      const file = path.posix.join(path.basename(path.resolve(mcpDir)), name, "server.yaml");
      if (!serverName.safeParse(name).success) problems.add(file, "(folder)", name, NAME_ADVICE);
      if (SHADOWED.includes(name))
        problems.add(file, "(folder)", name, `another name: LiteLLM has pages of its own at ${SHADOWED.join(", ")}`);
      const definition = readDefinition(path.join(folder, "server.yaml"), file, version, problems);
      if (definition) checkDefinition(definition, file, version, problems);
      const lock = readToolLock(name, folder, file, problems);
      const { check } = definition ?? {};
      if (lock && check && !Object.hasOwn(lock, check.tool))
        problems.add(file, "check.tool", check.tool, `one of its tools: ${Object.keys(lock).join(", ")}`);
      return { name, folder, file, definition, lock };
    });
}

function readDefinition(
  location: string,
  file: string,
  version: string,
  problems: Problems,
): ServerDefinition | undefined {
  if (!existsSync(location)) {
    problems.add(file, "(file)", undefined, "a server.yaml in this folder, or remove the folder");
    return undefined;
  }
  const lines = new LineCounter();
  const document = parseDocument(readFileSync(location, "utf8"), { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    problems.add(file, `line ${line}, column ${col}`, Symbol(error.message), "valid YAML");
  }
  if (document.errors.length) return undefined;
  return problems.parse(serverDefinition, document.toJS(), file, "", (key) => unknownKeyAdvice(key, version));
}

function readToolLock(name: string, folder: string, serverFile: string, problems: Problems): ToolLock | undefined {
  const location = path.join(folder, TOOL_LOCK_FILE);
  if (!existsSync(location)) return undefined;
  const file = path.posix.join(path.posix.dirname(serverFile), TOOL_LOCK_FILE);
  try {
    return problems.parse(toolLock, JSON.parse(readFileSync(location, "utf8")), file, "", () => undefined);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    problems.add(file, "(file)", Symbol(error.message), `the JSON that \`npm run tools -- approve ${name}\` writes`);
    return undefined;
  }
}

/** Rules between the keys of one server.yaml; `source` and `transport` decide which others make sense. */
function checkDefinition(definition: ServerDefinition, file: string, version: string, problems: Problems): void {
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
  if (transport.kind === "http" && transport.sdk === "typescript" && !speaksHttpToTypeScript(version)) {
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

/** The lock of a wrapped server holds the version that server.yaml names. */
export function checkLock(
  { name, folder, file }: ServerFolder,
  source: ServerDefinition["source"],
  problems: Problems,
): void {
  if (source.kind === "image") return;
  const locked = lockedPackage(folder, source);
  const lockFile = path.posix.join(path.posix.dirname(file), locked.file);
  const command = `run \`npm run lock -- ${name}\``;
  switch (locked.state) {
    case "missing":
      return problems.add(lockFile, "(file)", undefined, `${command}: a package is only installed from a lock`);
    case "unreadable":
      return problems.add(lockFile, "(file)", Symbol(locked.reason), command);
    case "read":
      if (locked.version === source.version) return;
      problems.add(
        lockFile,
        source.package,
        Symbol(locked.version === undefined ? "no such package" : `version ${locked.version}`),
        `version ${source.version} as in ${file}: ${command}`,
      );
  }
}
