import pc from "picocolors";

/** Something that is not as it should be, in words for whoever was not there. */
export interface Finding {
  /** What was seen, as it was said. */
  readonly seen: string;
  /** What that means; undefined where what was seen says it. */
  readonly means?: string;
  /** What to do: a command, or where to look; undefined where what was seen says it. */
  readonly fix?: string;
  /** What `--fix` does about it; undefined where something could be lost, or a person has to decide. */
  readonly mend?: Mend;
}

/** Something that loses nothing. */
export interface Mend {
  /** As a sentence: what is done. */
  readonly does: string;
  /** The container that has to be healthy afterwards. */
  readonly container?: string;
  readonly run: () => Promise<unknown>;
}

/** For a terminal, to be put behind a mark. */
export const showFinding = ({ seen, means, fix }: Finding): string =>
  [
    seen.trim().replace(/\n/g, "\n  "),
    ...(means === undefined ? [] : [`  ${pc.bold("means")}  ${means}`]),
    ...(fix === undefined ? [] : [`  ${pc.bold("do")}     ${fix}`]),
  ].join("\n");
