/** From so much on, a disk is nearly full. */
export const FULL_PERCENT = 90;
/** Below that it has room again: at one edge alone, each file that comes and goes would be told. */
const ROOM_PERCENT = 88;

/** As `statfs` has it: blocks and inodes, and how many of them are free, for everybody and for programs that are not root. */
export interface DiskFacts {
  readonly blocks: number;
  readonly bfree: number;
  readonly bavail: number;
  readonly files: number;
  readonly ffree: number;
}

/**
 * What is wrong with the disk that has Docker's volumes; undefined: nothing.
 *
 * @param isKnown Whether it was nearly full before.
 */
export function judgeDisk({ blocks, bfree, bavail, files, ffree }: DiskFacts, isKnown: boolean): string | undefined {
  const used = usedPercent({ blocks, bfree, bavail });
  // Some file systems make inodes as they are needed, and have no number of them.
  const inodes = percent(files - ffree, files);
  if (Math.max(used, inodes) < (isKnown ? ROOM_PERCENT : FULL_PERCENT)) return undefined;
  const andInodes = inodes > used ? `, and ${inodes} % of its inodes are used` : "";
  return `the disk that has Docker's volumes is ${used} % full${andInodes}: when it is full, calls cannot be recorded and are refused, and Postgres stops`;
}

/** As df counts: what is kept for root is in neither number. */
export const usedPercent = ({ blocks, bfree, bavail }: Pick<DiskFacts, "blocks" | "bfree" | "bavail">): number =>
  percent(blocks - bfree, blocks - bfree + bavail);

const percent = (part: number, whole: number) => (whole > 0 ? Math.ceil((part / whole) * 100) : 0);
