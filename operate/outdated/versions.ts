/** `v1.9.0-alpine`: what is before the numbers, the numbers, and what is behind them. */
interface Parts {
  readonly before: string;
  readonly numbers: readonly number[];
  readonly behind: string;
}

function partsOf(version: string): Parts | undefined {
  const [, before = "", numbers, behind = ""] = /^([A-Za-z]*)(\d+(?:\.\d+)*)(.*)$/.exec(version) ?? [];
  return numbers === undefined ? undefined : { before, numbers: numbers.split(".").map(Number), behind };
}

/** Whether a version is newer than another by its numbers: the rest says what it is of, not how old it is. */
export function isNewer(version: string, than: string): boolean {
  const [a, b] = [partsOf(version)?.numbers ?? [], partsOf(than)?.numbers ?? []];
  const at = Array.from({ length: Math.max(a.length, b.length) }, (_, index) => index).find(
    (index) => (a[index] ?? 0) !== (b[index] ?? 0),
  );
  return at !== undefined && (a[at] ?? 0) > (b[at] ?? 0);
}

/** What is before the first dot: 17 of `17.6-trixie`. */
export const majorOf = (version: string): number | undefined => partsOf(version)?.numbers[0];

/** LiteLLM's tags have it up to 1.83, and not from 1.84 on. */
const withoutStable = (behind: string) => behind.replace(/^-stable$/, "");

/**
 * The newest tag of the same form: `17.6-trixie` goes on with `17.7-trixie` and `18.0-trixie`, not with `18-alpine`.
 *
 * @returns Undefined for a tag that has no number, such as `latest`.
 */
export function newestTag(tag: string, tags: readonly string[]): string | undefined {
  const form = partsOf(tag);
  if (!form) return undefined;
  const same = tags.filter((one) => {
    const parts = partsOf(one);
    return (
      parts?.before === form.before &&
      withoutStable(parts.behind) === withoutStable(form.behind) &&
      parts.numbers.length === form.numbers.length
    );
  });
  return same.reduce((newest, one) => (isNewer(one, newest) ? one : newest), tag);
}
