import type Docker from "dockerode";
import { text } from "node:stream/consumers";
import { AUDIT_FOLDER } from "../../components/gateway/addresses.ts";
import { known } from "../../components/docker/gone.ts";
import { outputOf } from "../../components/docker/run-in-container.ts";
import { removeLeftOvers, ThrowAways } from "../listing/throw-away.ts";
import { linesIn } from "./lines.ts";

/** Where the record of a stack's calls is. */
export interface AuditPlace {
  /** Of the ingress, on the daemon. */
  readonly container: string;
  readonly volume: string;
}

/** The files of the record, and a way to read them. */
export interface AuditFiles {
  readonly names: readonly string[];
  /** Since when the ingress that writes them runs; undefined: it does not, so no call is running. */
  readonly runningSince: string | undefined;
  /** Lines of these files, one file after the other. */
  read(names: readonly string[]): AsyncIterable<string>;
}

const INGRESS_IMAGES = "litellm-mcp/ingress";
const READER_MEMORY_MIB = 64;
/**
 * An empty line after each file: one may end in half a line, to which the next would be joined. A file that is gone was
 * too old, and the ingress has just removed it.
 */
export const READ = 'for file do cat -- "$file" || [ ! -e "$file" ] || exit 1; echo; done';

/** Reads through the container of the ingress; undefined while it does not run. */
export async function filesOfRunning(docker: Docker, { container }: AuditPlace): Promise<AuditFiles | undefined> {
  const { State } = (await known(docker.getContainer(container).inspect())) ?? {};
  if (!State?.Running || State.Paused || State.Restarting) return undefined;
  return filesIn(docker, container, State.StartedAt);
}

/**
 * Reads the record through the container of the ingress, or, while that does not run, through one that is thrown away.
 *
 * @throws Error when there is no record.
 */
export async function withAuditFiles<T>(
  docker: Docker,
  place: AuditPlace,
  use: (files: AuditFiles) => Promise<T>,
): Promise<T> {
  const running = await filesOfRunning(docker, place);
  if (running) return use(running);
  if (!(await known(docker.getVolume(place.volume).inspect())))
    throw new Error(`there is no record of calls: the daemon has no volume ${place.volume}`);
  const [image] = await docker.listImages({ filters: { reference: [INGRESS_IMAGES] } });
  if (!image)
    throw new Error(
      `the record of calls is on the volume ${place.volume}, but the daemon has no image of the ingress to read it with: npm run up makes one`,
    );
  await removeLeftOvers(docker);
  const made = new ThrowAways(docker, "audit");
  try {
    const { name } = await made.run({
      ...{ image: image.Id, entrypoint: ["sleep"], command: ["infinity"], memoryMiB: READER_MEMORY_MIB },
      volumes: { [AUDIT_FOLDER]: place.volume },
      // Files can be read by the user of that image alone.
      isOwnImage: false,
    });
    return await use(await filesIn(docker, name, undefined));
  } finally {
    await made.remove();
  }
}

async function filesIn(docker: Docker, container: string, runningSince: string | undefined): Promise<AuditFiles> {
  const listed = await text(outputOf(docker, container, ["ls", "-1", AUDIT_FOLDER]));
  return {
    names: listed.split("\n").filter(Boolean).sort(),
    runningSince,
    read: (names) =>
      linesIn(outputOf(docker, container, ["sh", "-c", READ, "sh", ...names.map((name) => `${AUDIT_FOLDER}/${name}`)])),
  };
}
