import {
  buildImage,
  catalogue,
  type CatalogueEntry,
  imagesBelow,
  recipeHash,
  standInLabel,
} from "../lab/docker/images.ts";
import { downloaded } from "./download.ts";
import type { Ask } from "./system-packages.ts";

const PULLED_WITHIN_MS = 600_000;

/**
 * Makes sure that the images of the lab's catalogue are on the daemon: what is there is used, what can be pulled is pulled,
 * the lab builds the rest.
 *
 * @param demanded Images that are made on demand only.
 * @param only These alone, and what they are built from.
 */
export async function prepareImages(ask: Ask, demanded: readonly string[], only?: readonly string[]): Promise<void> {
  let registryAnswers: boolean | undefined;
  const prepared = new Map<CatalogueEntry, Promise<void>>();
  const prepareOnce = (entry: CatalogueEntry): Promise<void> => {
    const running = prepared.get(entry) ?? prepareImage(entry);
    prepared.set(entry, running);
    return running;
  };
  const prepareImage = async (entry: CatalogueEntry): Promise<void> => {
    const label = await standInLabel(entry.image);
    if (label === "" || (label !== undefined && label === (await recipeHash(entry.recipe)))) return;
    if (label === undefined && registryAnswers !== false) {
      // Asked once: where nothing answers, each further question would cost its whole timeout.
      registryAnswers = await downloaded(`image ${entry.image}`, ["docker", "pull", entry.image], PULLED_WITHIN_MS);
      if (registryAnswers) return;
    }
    for (const needed of await imagesBelow(entry.recipe)) await prepareOnce(needed);
    await buildImage(entry, ask);
  };
  const isWanted = ({ image, onDemand }: CatalogueEntry) =>
    only ? only.includes(image) : !onDemand || demanded.includes(image);
  for (const entry of catalogue) if (isWanted(entry)) await prepareOnce(entry);
}
