import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";

/** The image `NAME-image` on the daemon: pulled, or built (`imageBuild`). */
export function daemonImage(
  name: string,
  image: Pick<docker.RemoteImageArgs, "name" | "build" | "triggers">,
  opts: pulumi.CustomResourceOptions,
): docker.RemoteImage {
  return new docker.RemoteImage(
    `${name}-image`,
    // Kept on destroy: rebuilding costs minutes, a leftover image only disk. `docker image prune --all` removes it.
    { ...image, keepLocally: true },
    // The provider would have the old one deleted first, and with it the container that runs from it, before anybody
    // knows whether the new one can be built or pulled.
    { ...opts, deleteBeforeReplace: false },
  );
}
