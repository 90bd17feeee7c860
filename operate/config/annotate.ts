import { isMap, isPair, isScalar, isSeq, type Node, type Pair, parseDocument } from "yaml";
import type { Step } from "./journey.ts";

/** config.yaml with a comment at each part that says where it comes from. What LiteLLM reads of it is the same. */
export function annotate(text: string, journey: readonly Step[]): string {
  const document = parseDocument(text);
  for (const { path, from } of journey) {
    const value = document.getIn(path, true) as Node;
    if (isScalar(value)) value.comment = ` ← ${from}`;
    else comment(document.getIn(path.slice(0, -1), true), path.at(-1)!, value, ` ↓ ${from}`);
  }
  return document.toString({ lineWidth: 0 });
}

/** Above a map or a list: at the key that it has, or at the entry of its list. */
function comment(parent: unknown, key: string | number, value: Node, words: string): void {
  const pair = isMap(parent) ? parent.items.find((item) => keyOf(item) === key) : undefined;
  if (pair && isScalar(pair.key)) pair.key.commentBefore = words;
  else if (isSeq(parent)) value.commentBefore = words;
}

const keyOf = (pair: Pair) => (isPair(pair) && isScalar(pair.key) ? pair.key.value : undefined);
