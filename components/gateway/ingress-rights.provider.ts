import { setTimeout as sleep } from "node:timers/promises";
import path from "node:path";
import { pack } from "tar-stream";
import { rightsVersion } from "../../ingress/rights.ts";
import { connectDocker } from "../docker/docker-connection.ts";
import type { IngressRightsInputs } from "./ingress-rights.ts";

const IN_FORCE_WITHIN_MS = 20_000;
/** The user of the image. */
const OWNER = { uid: 10_002, gid: 10_002 };

async function write({
  docker: endpoint,
  container: name,
  file,
  gatewayUrl,
  rights,
}: IngressRightsInputs): Promise<void> {
  const container = connectDocker(endpoint).getContainer(name);
  const archive = pack();
  archive.entry({ name: path.posix.basename(file), mode: 0o600, ...OWNER }, rights);
  archive.finalize();
  await container.putArchive(archive, { path: path.posix.dirname(file) });
  // On this signal the ingress reads the file again, so it never reads half a table.
  await container.kill({ signal: "SIGHUP" });
  const wanted = rightsVersion(rights);
  const deadline = Date.now() + IN_FORCE_WITHIN_MS;
  let seen: string;
  do {
    seen = await fetch(`${gatewayUrl}/health`, { signal: AbortSignal.timeout(5_000) }).then(
      async (answer) => JSON.stringify(await answer.json()),
      (error: Error) => (error.cause instanceof Error ? error.cause.message : error.message),
    );
    if (seen.includes(`"rights":"${wanted}"`)) return;
    await sleep(200);
  } while (Date.now() < deadline);
  throw new Error(`container ${name} does not take the table of rights ${wanted}; ${gatewayUrl}/health says ${seen}`);
}

export async function create(inputs: IngressRightsInputs) {
  await write(inputs);
  return { id: "ingress-rights", outs: inputs };
}

export async function update(_id: string, _olds: IngressRightsInputs, news: IngressRightsInputs) {
  await write(news);
  return { outs: news };
}
