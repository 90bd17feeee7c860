/** Whether version `a` is `b` or newer; a leading "v" or "go" is ignored. Plain releases only: "1.2.0-rc1" counts as 1.2.0. */
export const atLeast = (a: string, b: string): boolean => {
  const [left = "0", right = "0"] = [a, b].map((version) => /\d+(\.\d+)*/.exec(version)?.[0] ?? "0");
  return left.localeCompare(right, "en", { numeric: true }) >= 0;
};
