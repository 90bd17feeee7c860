import pc from "picocolors";

/** Something that is not as it should be, in words for whoever was not there. */
export interface Finding {
  /** What was seen, as it was said. */
  readonly seen: string;
  /** What that means; undefined where what was seen says it. */
  readonly means?: string;
  /** What to do: a command, or where to look; undefined where what was seen says it. */
  readonly fix?: string;
}

/** For a terminal, to be put behind a mark. */
export const showFinding = ({ seen, means, fix }: Finding): string =>
  [
    seen.trim().replace(/\n/g, "\n  "),
    ...(means === undefined ? [] : [`  ${pc.bold("means")}  ${means}`]),
    ...(fix === undefined ? [] : [`  ${pc.bold("do")}     ${fix}`]),
  ].join("\n");
