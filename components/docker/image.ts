import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { DaemonImage } from "./image-build.ts";
import { type DockerEndpoint, isSsh } from "./ssh-connection.ts";

/** The image `NAME-image` on the daemon: pulled, or built (`imageBuild`). */
export function daemonImage(
  name: string,
  endpoint: DockerEndpoint,
  image: DaemonImage,
  opts: pulumi.CustomResourceOptions,
): docker.RemoteImage {
  return new docker.RemoteImage(
    `${name}-image`,
    // Kept on destroy: rebuilding costs minutes, a leftover image only disk. `docker image prune --all` removes it.
    { ...image, ...(image.build && { build: onDaemon(endpoint, image.build) }), keepLocally: true },
    // The provider would have the old one deleted first, and with it the container that runs from it, before anybody
    // knows whether the new one can be built or pulled.
    { ...opts, deleteBeforeReplace: false },
  );
}

/**
 * The provider hands a build to buildx, which asks the daemon of this machine and not the provider's own. Over ssh its other
 * builder is told to build: BuildKit as well, on the daemon that everything else is on, but it writes no log.
 */
const onDaemon = (endpoint: DockerEndpoint, build: NonNullable<DaemonImage["build"]>) => ({
  ...build,
  ...(isSsh(endpoint) && { useLegacyBuilder: true }),
});
