/** Index and value of everything that was in the list before. */
export const repeatedValues = (values: readonly string[]): [number, string][] =>
  [...values.entries()].filter(([index, value]) => values.indexOf(value) < index);
