import type Docker from "dockerode";
import { connectDocker, demultiplex } from "./docker-connection.ts";
import type { VolumeOwnerInputs } from "./volume-owner.ts";

const MOUNT = "/data";

/**
 * The container that gives the volume to its owner. It is root, but can do nothing except this, and to this one volume.
 */
export const chownContainer = ({ image, volume, owner }: VolumeOwnerInputs): Docker.ContainerCreateOptions => ({
  Image: image,
  // -h: of a link, the link itself and not what it points to. Nothing of the MCP server runs.
  Entrypoint: ["chown", "-Rh", owner, MOUNT],
  Cmd: [],
  User: "0:0",
  Labels: { project: "litellm" },
  HostConfig: {
    NetworkMode: "none",
    ReadonlyRootfs: true,
    CapDrop: ["ALL"],
    // The second lets it look into folders that are closed to everybody but their owner.
    CapAdd: ["CAP_CHOWN", "CAP_DAC_READ_SEARCH"],
    SecurityOpt: ["no-new-privileges:true"],
    Memory: 64 * 2 ** 20,
    Mounts: [{ Type: "volume", Source: volume, Target: MOUNT }],
  },
});

const ignoring =
  (...statuses: readonly number[]) =>
  (error: Error & { statusCode?: number }) => {
    if (!statuses.includes(error.statusCode ?? 0)) throw error;
  };

async function give(inputs: VolumeOwnerInputs): Promise<void> {
  const docker = connectDocker(inputs.docker);
  // 404: there is no such container. 304: it is stopped already.
  await docker.getContainer(inputs.container).stop().catch(ignoring(404, 304));
  const container = await docker.createContainer(chownContainer(inputs));
  try {
    await container.start();
    const { StatusCode: exitCode } = (await container.wait()) as { StatusCode: number };
    if (exitCode === 0) return;
    const said = demultiplex(await container.logs({ stdout: true, stderr: true, follow: false })).trim();
    throw new Error(
      `volume ${inputs.volume}: its files could not be given to ${inputs.owner} (exit code ${exitCode})\n${said.replace(/^/gm, "    ")}`,
    );
  } finally {
    await container.remove({ force: true });
  }
}

export async function create(inputs: VolumeOwnerInputs) {
  await give(inputs);
  return { id: inputs.volume, outs: inputs };
}

export async function update(_id: string, olds: VolumeOwnerInputs, news: VolumeOwnerInputs) {
  // With another image the volume has the same user.
  if (olds.owner !== news.owner || olds.volume !== news.volume) await give(news);
  return { outs: news };
}
