import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type * as docker from "@pulumi/docker";
import type { ServerSettings } from "../../settings/settings.ts";

const IMAGE_REPOSITORY = "litellm-mcp";

/** Every file below `folder`, as [path relative to it, content], sorted. */
function filesOf(folder: string): [string, Buffer][] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
    .map((file) => [path.relative(folder, file), readFileSync(file)]);
}

/** Files that describe or test a server are not: a changed description builds no image. */
const isBuildInput = (file: string) =>
  !/^(server\.yaml|tools\.lock\.json|.*\.md|.*\.test\.ts|.*_test\.py|__pycache__\/.*)$/.test(file);

/**
 * Twelve hex digits of a hash of everything that goes into a wrapped server's image: the shared wrapper, the runtime,
 * and what is in its folder.
 */
export function wrapperHash(server: Pick<ServerSettings, "folder" | "source">): string {
  const hash = createHash("sha256").update(JSON.stringify(server.source));
  for (const folder of [path.join(server.folder, "..", "_wrapper"), server.folder])
    for (const [file, content] of filesOf(folder))
      if (isBuildInput(file)) hash.update(`\0${file}\0${content.length}\0`).update(content);
  return hash.digest("hex").slice(0, 12);
}

/** The image of a wrapped server, built on the target daemon and named by what went into it. */
export function wrapperBuild(server: ServerSettings): Pick<docker.RemoteImageArgs, "name" | "build" | "triggers"> {
  if (server.source.kind !== "wrapped") throw new Error(`${server.name} is not wrapped`);
  const hash = wrapperHash(server);
  return {
    name: `${IMAGE_REPOSITORY}/${server.name}:${hash}`,
    build: {
      // Relative to the project: an absolute path would differ from one clone to the next.
      context: "./mcp",
      dockerfile: "_wrapper/Dockerfile",
      buildArgs: { SERVER: server.name, RUNTIME: server.source.runtime },
    },
    triggers: { hash },
  };
}
