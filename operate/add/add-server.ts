import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type Docker from "dockerode";
import { execa, ExecaError } from "execa";
import { TOOL_LOCK_FILE, type Tool, toolChanges, writeToolLock } from "../../approval/tool-lock.ts";
import { describeChanges, suspicionsAmong } from "../../approval/tool-report.ts";
import { visible } from "../../approval/tool-scan.ts";
import { setSecret } from "../../settings/context.ts";
import { readPackageLock, sameOnPyPi } from "../../settings/package-lock.ts";
import { Problems, SettingsError } from "../../settings/problems.ts";
import { checkServerFolder } from "../../settings/resolve/check-server-folder.ts";
import { serverName } from "../../settings/schemas/fields.ts";
import { readServerFolders, type ServerFolder } from "../../settings/server-folders.ts";
import { stackArguments } from "../command.ts";
import type { Alone } from "../listing/ask-alone.ts";
import { ensureAdapterImage, ensureImage } from "../listing/image.ts";
import { listWithOffers, type ListAlone } from "../listing/list-server.ts";
import { serverOfStack, type StackOfServers } from "../listing/stack-servers.ts";
import { processIsAlive } from "../listing/throw-away.ts";
import { lockableOf, resolve } from "../lock.ts";
import { hasPython, oneLine, packageFacts, programOf } from "./package-facts.ts";
import type { Request } from "./request.ts";
import { descriptionOf, type Found, serverYaml } from "./server-yaml.ts";

/** Whoever adds a server, and what was said before. */
export interface Approval {
  readonly approve: boolean;
  readonly acceptSuspicious: boolean;
  /** undefined: nobody can answer. */
  readonly ask: ((question: string) => Promise<boolean>) | undefined;
}

export interface AddContext extends Approval {
  readonly root: string;
  readonly stack: StackOfServers;
  readonly docker: Docker;
  readonly alone: Alone;
  readonly listing: ListAlone;
  /** Makes the daemon ready, when the rest is known to make sense. */
  readonly prepare: () => Promise<void>;
  /** What is shown besides progress. */
  readonly show: (text: string) => void;
  /** The folder stays when its tools are not approved, or cannot be listed. */
  readonly keep: boolean;
}

/** Stands for what is not known yet while the rest is checked. */
const NOT_YET: Readonly<Record<Request["wanted"]["kind"], Found>> = {
  npm: { version: "0", command: ["not-known-yet"] },
  pypi: { version: "0", command: ["not-known-yet"] },
  image: { healthcheck: "none" },
  url: { transport: "http" },
};

/**
 * Makes the folder of a server: its server.yaml, package lock and tool lock. It is made elsewhere and moved to its place
 * when it is complete.
 *
 * @throws Error; then there is no folder, unless it is to be kept.
 */
export async function addServer(request: Request, context: AddContext): Promise<void> {
  const { root, keep, alone } = context;
  const place = path.join(root, "mcp", request.name);
  const temporary = await temporaryFolder(path.join(root, "dist"));
  const folder = path.join(temporary, "mcp", request.name);
  // Moved at once: another process sees all of it or nothing.
  const moveToItsPlace = () => rename(folder, place);
  let isLocked = false;
  try {
    await checkFirst(request, folder, root);
    await context.prepare();
    await complete(request, folder, context, () => (isLocked = true));
    refuseTaken(request.name, root);
    await moveToItsPlace();
  } catch (error) {
    if (keep && isLocked && !alone.signal.aborted && !existsSync(place)) {
      await moveToItsPlace();
      (error as Error).message += `\n  kept, without a tool lock: mcp/${request.name}`;
    }
    throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  sayNext(request, context);
}

/** On the file system of mcp/, so that a folder can be moved there; what killed runs have left is removed. */
export async function temporaryFolder(dist: string): Promise<string> {
  await mkdir(dist, { recursive: true });
  for (const name of await readdir(dist)) {
    const [, pid] = /^add-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !processIsAlive(Number(pid)))
      await rm(path.join(dist, name), { recursive: true, force: true });
  }
  return mkdtemp(path.join(dist, `add-${process.pid}-`));
}

/** Everything that can be judged before anything is fetched. */
async function checkFirst(request: Request, folder: string, root: string): Promise<void> {
  const { name } = request;
  // Before it is part of a path.
  const { success, error } = serverName.safeParse(name);
  if (!success) throw new Error(`${name}: ${error.issues[0]!.message}`);
  refuseTaken(name, root);
  const others = readServerFolders(path.join(root, "mcp"));
  const group = others.find(({ definition }) => definition?.accessGroups.includes(name));
  if (group) throw new Error(`${name}: another name, ${group.file} has an access group that is called so`);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "server.yaml"), serverYaml(request, NOT_YET[request.wanted.kind]));
  judge(folder);
}

function refuseTaken(name: string, root: string): void {
  if (existsSync(path.join(root, "mcp", name))) throw new Error(`${name}: there is a folder mcp/${name} already`);
}

/** @throws SettingsError with what is wrong with the folder. */
function judge(folder: string): ServerFolder {
  const read = readServerFolders(path.dirname(folder))[0]!;
  const problems = new Problems();
  checkServerFolder(read, undefined, problems);
  if (problems.all.length) throw new SettingsError(problems.all);
  return read;
}

async function complete(request: Request, folder: string, context: AddContext, locked: () => void): Promise<void> {
  const { wanted, name } = request;
  const { docker, alone, show } = context;
  const { say, signal } = alone;
  const write = (found: Found) => writeFile(path.join(folder, "server.yaml"), serverYaml(request, found));
  let found: Found = {};

  if (wanted.kind === "npm" || wanted.kind === "pypi") {
    const version = await lockPackage(request, wanted, folder, say);
    signal.throwIfAborted();
    const runtime = wanted.kind === "npm" ? "npm" : "python";
    const source = { kind: "wrapped", runtime, isOwnProgram: false, builtPackages: [] } as const;
    const image = await ensureAdapterImage(docker, { name, folder, source, toolLock: undefined }, say, signal);
    const facts = await packageFacts(docker, name, image, wanted);
    signal.throwIfAborted();
    const command = request.command ?? [programOf(wanted.package, facts.programs)];
    found = { version, command, description: oneLine(facts.description) };
    show(`${name}   ${wanted.package} ${version}, started by: ${visible(command.join(" "))}`);
  } else if (wanted.kind === "image") {
    await ensureImage(docker, wanted.image, say, signal);
    found = { healthcheck: (await hasPython(docker, name, wanted.image)) ? "python" : "none" };
  } else say("→ the adapter of a server that runs elsewhere has a network: without it there is nobody to ask");

  const transports = wanted.kind === "url" && !request.transport ? (["http", "sse"] as const) : [undefined];
  let tools: readonly Tool[] | undefined;
  for (const [at, transport] of transports.entries()) {
    if (transport) found = { ...found, transport };
    await write(found);
    const read = judge(folder);
    locked();
    say(`→ ask ${name} what it lists${transport ? `, over ${transport}` : ""}, in a throw-away container`);
    try {
      tools = await listWithOffers(serverOfStack(context.stack, read), alone, context.listing);
      break;
    } catch (error) {
      signal.throwIfAborted();
      if (at === transports.length - 1) throw error;
      say(visible((error as Error).message.split("\n")[0]!));
    }
  }
  await approve(name, tools!, context);
  await writeFile(path.join(folder, TOOL_LOCK_FILE), writeToolLock(tools!));
  show(`description: ${descriptionOf(request, found)}`);
}

/** Writes the package lock; gives the version that is in it. */
async function lockPackage(
  { name }: Request,
  { kind, package: packageName, version: given }: Extract<Request["wanted"], { kind: "npm" | "pypi" }>,
  folder: string,
  say: (line: string) => void,
): Promise<string> {
  say(`→ find the packages of ${packageName}`);
  const version = given ?? (kind === "npm" ? await newestOnNpm(packageName) : undefined);
  const files = await resolve(lockableOf(name, { kind, package: packageName, version }));
  for (const [file, text] of files) await writeFile(path.join(folder, file), text);
  const lock = readPackageLock(folder, {
    ...{ kind, package: packageName, version: "", command: [] },
    ...{ installScripts: [], buildFromSource: [] },
  });
  const isIt = (locked: string) => (kind === "npm" ? locked === packageName : sameOnPyPi(locked, packageName));
  const locked = lock.state === "read" ? lock.packages.find((one) => isIt(one.name))?.version : undefined;
  if (locked === undefined) throw new Error(`${packageName}: is not in the package lock that was made for it`);
  if (given === undefined) say(`  newest version: ${locked}`);
  return locked;
}

async function newestOnNpm(name: string): Promise<string> {
  try {
    return (await execa("npm", ["view", name, "version", "--loglevel=error"])).stdout.trim();
  } catch (error) {
    if (!(error instanceof ExecaError)) throw error;
    throw new Error(`npm knows no package ${name}\n${String(error.stderr || error.shortMessage).trim()}`, {
      cause: error,
    });
  }
}

/** Shows the tools, and has somebody say yes. @throws Error unless somebody does. */
export async function approve(
  name: string,
  tools: readonly Tool[],
  { approve: isApproved, acceptSuspicious, ask, show }: Approval & Pick<AddContext, "show">,
): Promise<void> {
  if (!tools.length)
    throw new Error(`${name}: not added, it lists no tools. It may need a secret or a variable: --secret, --env`);
  const changes = toolChanges({}, tools);
  show(`\n${name} lists ${count(tools.length)}. Read them: they are instructions to your clients' models.\n`);
  show(describeChanges(changes, "whole"));
  // Before anybody is asked: one text under two names cannot be approved at all.
  writeToolLock(tools);
  const suspicious = [...suspicionsAmong(changes).keys()].map(visible);
  if (suspicious.length && !acceptSuspicious)
    throw new Error(
      `${name}: not added, suspicious: ${suspicious.join(", ")}. Read the lines with ! above; if that is how the server has to be: --accept-suspicious`,
    );
  if (isApproved) return;
  if (!ask) throw new Error(`${name}: not added, nobody has approved its tools: --approve says yes`);
  if (!(await ask(`${name}: approve ${count(tools.length)}?`))) throw new Error(`${name}: not added`);
}

const count = (tools: number) => (tools === 1 ? "1 tool" : `${tools} tools`);

function sayNext({ name, secrets, bearerToken }: Request, { stack, show }: AddContext): void {
  const missing = [...new Set([...Object.values(secrets), ...(bearerToken === undefined ? [] : [bearerToken])])].filter(
    (secret) => !stack.secretNames.includes(secret),
  );
  const lines = [
    `added: mcp/${name}, with its tools approved`,
    ...missing.map((secret) => `First  ${setSecret(secret).replaceAll("`", "")} --stack ${stack.name}`),
    `Next   npm run up${stackArguments(stack.name)}`,
    `       There is no \`check\` in mcp/${name}/server.yaml: with one, \`up\` also calls a tool of it.`,
    "       Commit the folder.",
  ];
  show(`\n${lines.join("\n")}`);
}
