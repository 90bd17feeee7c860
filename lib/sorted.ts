import { compareText } from "./compare-text.ts";

/** The same map with its keys in order. */
export const sorted = <T>(map: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => compareText(a, b)));
