import { cp, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseDocument } from "yaml";
import { type ToolChange, toolChanges } from "../../approval/tool-lock.ts";
import { SettingsError } from "../../settings/problems.ts";
import { readServerFolders, type ServerFolder } from "../../settings/server-folders.ts";
import { temporaryFolder } from "../add/add-server.ts";
import type { Alone } from "../listing/ask-alone.ts";
import { type ListAlone, listWithOffers } from "../listing/list-server.ts";
import { serverOfStack, type StackOfServers } from "../listing/stack-servers.ts";
import { lockableOf, resolve } from "../lock.ts";

/**
 * What would change in a server's tools if it were newer. It is made in a copy of its folder and asked in a container
 * that is thrown away; mcp/ stays as it is.
 *
 * @throws Error when there is no such set of packages, or the newer one does not come up.
 */
export async function changesOfTools(
  { name, folder, definition, toolLock }: ServerFolder,
  newest: string,
  context: { root: string; stack: StackOfServers; alone: Alone; listing: ListAlone },
): Promise<ToolChange[]> {
  const { root, stack, alone, listing } = context;
  const source = definition!.source;
  const temporary = await temporaryFolder(path.join(root, "dist"));
  const copy = path.join(temporary, "mcp", name);
  try {
    await cp(folder, copy, { recursive: true });
    const file = path.join(copy, "server.yaml");
    await writeFile(file, withVersion(await readFile(file, "utf8"), newest));
    if (source.kind === "npm" || source.kind === "pypi") {
      alone.say(`→ find the packages of ${source.package} ${newest}`);
      for (const [each, text] of await resolve(lockableOf(name, { ...source, version: newest })))
        await writeFile(path.join(copy, each), text);
    }
    alone.signal.throwIfAborted();
    const newer = readServerFolders(path.dirname(copy))[0]!;
    if (!newer.definition) throw new SettingsError(newer.unreadable);
    alone.say(`→ ask ${name} ${newest} what it lists, in a throw-away container`);
    return toolChanges(toolLock ?? {}, await listWithOffers(serverOfStack(stack, newer), alone, listing));
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** A server.yaml with another version, or tag of its image; its comments stay. */
export function withVersion(yaml: string, version: string): string {
  const document = parseDocument(yaml);
  const image = document.getIn(["source", "image"]) as string | undefined;
  if (image === undefined) document.setIn(["source", "version"], version);
  else document.setIn(["source", "image"], `${image.split("@")[0]!.replace(/:[\w][\w.-]*$/, "")}:${version}`);
  return document.toString();
}
