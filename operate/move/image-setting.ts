import { parseDocument, Scalar } from "yaml";
import { versionOfTag } from "../../settings/litellm-versions.ts";
import { parseImage } from "../../settings/schemas/fields.ts";
import { NAMESPACE } from "../../settings/schemas/stack-schema.ts";

const GATEWAY = ["config", `${NAMESPACE}:gateway`];

/** LiteLLM's version, where the tag of an image says it. */
export const versionOfImage = (image: string): string | undefined => versionOfTag(parseImage(image).tag ?? "");

/**
 * A stack's file with another image of LiteLLM. Where the file names one already, that one value is another, and nothing
 * else: comments, order and form are the user's.
 *
 * @throws Error for an image whose version is not in its tag: which `gateway.version` belongs to it, nobody knows here.
 */
export function withImage(text: string, image: string): string {
  const document = parseDocument(text);
  if (document.getIn([...GATEWAY, "image"]) === image) return text;
  if (versionOfImage(image) === undefined)
    throw new Error(
      `the tag of ${image} does not say LiteLLM's version: write ${NAMESPACE}:gateway.image and version as they were, and run the command again`,
    );
  const now = document.getIn([...GATEWAY, "image"], true);
  if (now instanceof Scalar && now.range && !document.hasIn([...GATEWAY, "version"])) {
    const [from, to] = now.range;
    return text.slice(0, from) + written(image, now.type) + text.slice(to);
  }
  document.setIn([...GATEWAY, "image"], image);
  // It is that of the other image; the tag says it.
  document.deleteIn([...GATEWAY, "version"]);
  return document.toString({ lineWidth: 0 });
}

/** In the quotes that were there; an image needs none. */
const written = (image: string, type: Scalar["type"]): string =>
  type === Scalar.PLAIN ? image : type === Scalar.QUOTE_SINGLE ? `'${image}'` : JSON.stringify(image);
