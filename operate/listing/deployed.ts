import { readFileSync } from "node:fs";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import type Docker from "dockerode";
import { projectLabel } from "../../components/docker/container.ts";
import { runInContainer } from "../../components/docker/run-in-container.ts";
import type { ServerSettings } from "../../settings/settings.ts";

/** Names of this program's containers that run on a daemon. */
export async function runningContainers(docker: Docker): Promise<ReadonlySet<string>> {
  const filters = { label: [`${projectLabel.label}=${projectLabel.value}`] };
  const running = await docker.listContainers({ filters });
  return new Set(running.flatMap(({ Names }) => Names.map((name) => name.slice(1))));
}

/** The container that can be asked what a server lists. */
export const askedContainer = ({ adapter, container }: ServerSettings) => adapter?.container ?? container;

/**
 * How a server that runs differs from its folder; undefined: not at all. One that does would list what the next `up`
 * takes away. The tool lock is left out: it changes nothing of what the server lists.
 */
export async function differsFromFolder(docker: Docker, settings: ServerSettings): Promise<string | undefined> {
  const { source, folder, container, command } = settings;
  if (source.kind === "remote") {
    const { Config } = await docker.getContainer(askedContainer(settings)).inspect();
    return Config.Env.includes(`ADAPTER_URL=${settings.adapter?.upstream?.url}`) ? undefined : "another address";
  }
  const { Config, Image } = await docker.getContainer(container).inspect();
  const given = source.kind === "wrapped" ? ["serve", ...command] : command;
  if (!isDeepStrictEqual(Config.Cmd ?? [], given)) return "another command";
  if (source.kind === "native") {
    const wanted = await docker
      .getImage(source.image)
      .inspect()
      .then(({ Id }) => Id)
      .catch(() => undefined);
    return wanted === Image ? undefined : "another image";
  }
  const lock = source.runtime === "python" ? "requirements.txt" : "package-lock.json";
  const { stdout } = await runInContainer(docker, container, ["cat", `/opt/server/${lock}`]);
  return stdout === readFileSync(path.join(folder, lock), "utf8") ? undefined : "another package lock";
}
