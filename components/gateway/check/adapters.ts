import pMap from "p-map";
import { type Tool } from "../../../approval/tool-lock.ts";
import { connectDocker, type DockerEndpoint } from "../../docker/docker-connection.ts";
import { runInContainer } from "../../docker/run-in-container.ts";

/** Over ssh each question is a connection of its own, and sshd takes ten unanswered ones. */
const QUESTIONS_AT_ONCE = 4;

/** What a server lists, approved or not, or why that cannot be said. */
export type AtAdapter = { readonly tools: readonly Tool[] } | { readonly problem: string };

/** Asks adapters, in their containers, what their servers list; by container. */
export async function listAtAdapters(
  endpoint: DockerEndpoint,
  containers: readonly string[],
): Promise<ReadonlyMap<string, AtAdapter>> {
  const docker = connectDocker(endpoint);
  const listed = await pMap(
    containers,
    async (container): Promise<[string, AtAdapter]> => {
      const answer = runInContainer(docker, container, ["node", "/opt/adapter/ask.mjs", "/listed"]);
      return [container, await answer.then(read, (error: Error) => ({ problem: error.message }))];
    },
    { concurrency: QUESTIONS_AT_ONCE },
  );
  return new Map(listed);
}

/** Read from JSON as clients read it: names and texts are compared by the characters that they have there. */
function read({ exitCode, stdout, stderr }: Awaited<ReturnType<typeof runInContainer>>): AtAdapter {
  const said = (stdout.trim() || stderr.trim()).slice(0, 500);
  if (exitCode !== 0) return { problem: said || `ended with exit code ${exitCode}` };
  const { tools } = JSON.parse(stdout) as { tools: Partial<Tool>[] };
  return {
    tools: tools.map(({ name = "", description = "", inputSchema }) => ({ name, description, inputSchema })),
  };
}
