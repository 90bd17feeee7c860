import { readFileSync } from "node:fs";
import path from "node:path";
import { bundleAdapter } from "../../adapter/bundle.ts";
import { writeToolLock } from "../../approval/tool-lock.ts";
import { projectRoot } from "../../lib/project-root.ts";
import { serverFiles } from "../../settings/server-files.ts";
import type { ServerSettings, ServerSource } from "../../settings/settings.ts";
import { type BuildFile, imageBuild, textFile } from "../docker/image-build.ts";

/** Every file of a server's folder that goes into its image, by its path in the build context. */
const filesOf = (folder: string): Record<string, BuildFile> =>
  Object.fromEntries(
    serverFiles(folder).map(({ path: file, executable }) => [
      `server/${file}`,
      { content: readFileSync(path.join(folder, file)), executable },
    ]),
  );

let bundled: string | undefined;

const ofAdapter = (name: string) => textFile(readFileSync(path.join(projectRoot, "adapter", name), "utf8"));

/**
 * The image with a server's adapter and its tool lock, and with the server itself where that is a package. Of a server
 * whose tools nobody has approved the lock is empty, so that no tool is shown.
 */
export function adapterImage({
  name,
  folder,
  source,
  toolLock,
}: Pick<ServerSettings, "name" | "folder" | "source" | "toolLock">) {
  const isWrapped = source.kind === "wrapped";
  return imageBuild({
    name: isWrapped ? name : `${name}-adapter`,
    files: {
      Dockerfile: ofAdapter("Dockerfile"),
      "adapter/adapter.mjs": textFile((bundled ??= bundleAdapter())),
      "adapter/ask.mjs": ofAdapter("ask.mjs"),
      "adapter/tools.lock.json": textFile(writeToolLock([], toolLock ?? {})),
      // Also where no stage runs it: a builder without BuildKit builds all of them.
      "adapter/build-packages.sh": ofAdapter("build-packages.sh"),
      ...(isWrapped && filesOf(folder)),
    },
    buildArgs: buildArgsOf(source),
  });
}

/** Arguments of `adapter/Dockerfile`. */
function buildArgsOf(source: ServerSource): Record<string, string> {
  if (source.kind !== "wrapped") return { BASE: "plain" };
  const { runtime, isOwnProgram, builtPackages } = source;
  return {
    BASE: builtPackages.length ? `${runtime}-built` : runtime,
    ...(builtPackages.length && { BUILT: builtPackages.join(" ") }),
    ...(isOwnProgram && { WORKDIR: "/opt/server" }),
  };
}
