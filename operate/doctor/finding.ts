/** Something that is not as it should be, in words for whoever was not there. */
export interface Finding {
  /** What was seen, as it was said. */
  readonly seen: string;
  /** What that means; undefined where what was seen says it. */
  readonly means?: string;
  /** What to do: a command, or where to look; undefined where what was seen says it. */
  readonly fix?: string;
}
