import semver from "semver";
import { catalogue } from "../../lab/docker/images.ts";
import { versionOfTag } from "../../settings/litellm-versions.ts";

/** Names the one version to test; without it, all are. Set by `npm run test:matrix -- --version`. */
export const MATRIX_VERSION = "MATRIX_VERSION";

export const versionOf = (image: string) => versionOfTag(image.split(":").at(-1)!)!;

/** LiteLLM's images in the lab's catalogue, oldest first. */
export function matrixImages(): string[] {
  const images = catalogue.map(({ image }) => image).filter((image) => image.startsWith("ghcr.io/berriai/litellm:"));
  const wanted = process.env[MATRIX_VERSION];
  return images
    .filter((image) => !wanted || versionOf(image) === wanted)
    .sort((a, b) => semver.compare(versionOf(a), versionOf(b)));
}
