import semver from "semver";
import { imageOf, LITELLM } from "../../components/resource-names.ts";
import type { Plan } from "../preview/plan.ts";
import { versionOfImage } from "./image-setting.ts";

/** LiteLLM's image, as the settings name it: the one that is deployed, and the one that comes. */
export interface Move {
  readonly from: string;
  readonly to: string;
}

/** The move of LiteLLM to another image that is among planned changes. */
export function moveIn({ changes }: Pick<Plan, "changes">): Move | undefined {
  const image = changes.find(({ urn }) => urn.endsWith(`::${imageOf(LITELLM)}`));
  const name = image?.fields.find((field) => field.name === "name");
  return typeof name?.before === "string" && typeof name.after === "string"
    ? { from: name.before, to: name.after }
    : undefined;
}

/** Whether the image that comes is certainly the older LiteLLM. */
export function isOlder({ from, to }: Move): boolean {
  const [before, after] = [versionOfImage(from), versionOfImage(to)];
  return before !== undefined && after !== undefined && semver.lt(after, before);
}

/** A version for people, or else the image. */
export const shownVersion = (image: string): string => versionOfImage(image) ?? image;

/** `LiteLLM 1.77.3 → 1.106.2`; images where their versions are the same. */
export function shownMove({ from, to }: Move): string {
  const [before, after] = [shownVersion(from), shownVersion(to)];
  return before === after ? `LiteLLM ${from} → ${to}` : `LiteLLM ${before} → ${after}`;
}
