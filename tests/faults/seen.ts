/** One line of what a test has measured. */
export interface Seen {
  readonly fault: string;
  /** Until others than what the fault has hit answer; "never away": they answered all the time. */
  readonly others: string;
  /** Until what it has hit answers. */
  readonly itself: string;
  readonly lost: string;
}

/** Prints what was measured, as a table that goes into a page as it is. */
export function tell(seen: readonly Seen[]): void {
  console.log("| fault | until others answer | until it answers | lost |\n|---|---|---|---|");
  for (const { fault, others, itself, lost } of seen) console.log(`| ${fault} | ${others} | ${itself} | ${lost} |`);
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** "2 × this, 1 × that": how often each was said. */
export function counted(values: readonly string[]): string {
  const count = new Map<string, number>();
  for (const value of values) count.set(value, (count.get(value) ?? 0) + 1);
  return [...count].map(([value, times]) => `${times} × ${value}`).join(", ") || "nothing";
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
