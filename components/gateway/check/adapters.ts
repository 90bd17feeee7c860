import type Docker from "dockerode";
import pMap from "p-map";
import type { Tool } from "../../../approval/tool-lock.ts";
import { connectDocker, type DockerEndpoint, QUESTIONS_AT_ONCE } from "../../docker/docker-connection.ts";
import { runInContainer } from "../../docker/run-in-container.ts";

/** What a server lists, approved or not, or why that cannot be said. */
export type AtAdapter = { readonly tools: readonly Tool[] } | { readonly problem: string };

/**
 * What an adapter answers at a path, asked in its container, where its token is.
 *
 * @throws Error with what it said, unless that is HTTP 200.
 */
export async function askAdapter(docker: Docker, container: string, path: "/listed" | "/metrics"): Promise<string> {
  const { exitCode, stdout, stderr } = await runInContainer(docker, container, ["node", "/opt/adapter/ask.mjs", path]);
  if (exitCode === 0) return stdout;
  throw new Error((stdout.trim() || stderr.trim()).slice(0, 500) || `ended with exit code ${exitCode}`);
}

/** Asks adapters what their servers list; by container. */
export async function listAtAdapters(
  endpoint: DockerEndpoint,
  containers: readonly string[],
): Promise<ReadonlyMap<string, AtAdapter>> {
  const docker = connectDocker(endpoint);
  const listed = await pMap(
    containers,
    async (container): Promise<[string, AtAdapter]> => {
      const answer = askAdapter(docker, container, "/listed").then(read);
      return [container, await answer.catch((error: Error) => ({ problem: error.message }))];
    },
    { concurrency: QUESTIONS_AT_ONCE },
  );
  return new Map(listed);
}

/** Read from JSON as clients read it: names and texts are compared by the characters that they have there. */
function read(text: string): AtAdapter {
  const { tools } = JSON.parse(text) as { tools: Partial<Tool>[] };
  return {
    tools: tools.map(({ name = "", description = "", inputSchema }) => ({ name, description, inputSchema })),
  };
}
