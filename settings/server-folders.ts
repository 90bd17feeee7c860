import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { LineCounter, parseDocument } from "yaml";
import { TOOL_LOCK_FILE, type ToolLock, toolLockSchema } from "../approval/tool-lock.ts";
import { compareText } from "../lib/compare-text.ts";
import { unknownKeyAdvice } from "./litellm-versions.ts";
import { type PackageLock, readPackageLock, readRequirements, type Requirements } from "./package-lock.ts";
import { type Problem, Problems } from "./problems.ts";
import { type BuiltSource, isBuilt, serverDefinition, type ServerDefinition } from "./schemas/server-schema.ts";
import { type ServerFile, serverFiles } from "./server-files.ts";

/** One folder under `mcp/`, as it is. Whether it makes sense is for `checkServerFolder` to say. */
export interface ServerFolder {
  readonly name: string;
  /** Absolute. */
  readonly folder: string;
  /** `mcp/<name>/server.yaml`, as messages call it. */
  readonly file: string;
  /** Undefined when server.yaml cannot be read; `unreadable` says why. */
  readonly definition: ServerDefinition | undefined;
  /** Its tools as approved. Undefined before they are, or when the file cannot be read; `unreadable` says why. */
  readonly toolLock: ToolLock | undefined;
  /** Undefined for an image or an address, which have none, and when server.yaml cannot be read. */
  readonly packageLock: PackageLock | undefined;
  /** Of a program of one's own: its files, and which packages it asks for; these undefined when they cannot be read. */
  readonly program?: { readonly files: readonly ServerFile[]; readonly requirements: Requirements | undefined };
  /** What keeps server.yaml and the tool lock from being read. */
  readonly unreadable: readonly Problem[];
}

/** Every folder under `mcpDir` except those that begin with `_` or `.`, sorted. */
export const readServerFolders = (mcpDir: string): ServerFolder[] =>
  readdirSync(mcpDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^[_.]/.test(entry.name))
    .map((entry) => entry.name)
    .sort(compareText)
    .map((name) => readServerFolder(path.resolve(mcpDir, name)));

function readServerFolder(folder: string): ServerFolder {
  const name = path.basename(folder);
  const shown = path.posix.join(path.basename(path.dirname(folder)), name);
  const file = path.posix.join(shown, "server.yaml");
  const problems = new Problems();
  const definition = readDefinition(path.join(folder, "server.yaml"), file, problems);
  const toolLock = readToolLock(path.join(folder, TOOL_LOCK_FILE), path.posix.join(shown, TOOL_LOCK_FILE), problems);
  const source = definition?.source;
  const packageLock = source && isBuilt(source) ? readPackageLock(folder, source) : undefined;
  const program =
    source?.kind === "program"
      ? { program: { files: serverFiles(folder), requirements: requirementsOf(folder, source, shown, problems) } }
      : {};
  return { name, folder, file, definition, toolLock, packageLock, ...program, unreadable: problems.all };
}

function requirementsOf(folder: string, source: BuiltSource, shown: string, problems: Problems) {
  try {
    return readRequirements(folder, source);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const [file, write] =
      source.kind === "program" && source.language === "python"
        ? ["requirements.in", "a package on each line, such as httpx>=0.28, and no options"]
        : ["package.json", "valid JSON"];
    problems.add(path.posix.join(shown, file), "(file)", Symbol(error.message), write);
    return undefined;
  }
}

function readDefinition(location: string, file: string, problems: Problems): ServerDefinition | undefined {
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
  return problems.parse(serverDefinition, document.toJS(), file, "", unknownKeyAdvice);
}

function readToolLock(location: string, file: string, problems: Problems): ToolLock | undefined {
  if (!existsSync(location)) return undefined;
  try {
    return problems.parse(toolLockSchema, JSON.parse(readFileSync(location, "utf8")), file, "");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const server = path.basename(path.dirname(location));
    problems.add(file, "(file)", Symbol(error.message), `the JSON that \`npm run tools -- approve ${server}\` writes`);
    return undefined;
  }
}
