import { subjectOf } from "./prometheus.ts";
import { type Change, goesOn, type Wrong } from "./troubles.ts";

/**
 * What is told of one server or part, whoever has seen it: its beginning once, and its end when all who look at it find it right.
 * What comes and goes is told so, and then its end alone, when it has been right for long.
 */
export interface Story {
  /** As `subjectOf` has it. */
  readonly subject: string;
  /** What it was told as, which is what was seen first; null: it is over. */
  readonly told: Wrong | null;
  /** When it began, within the hour before it did so last; ISO 8601. */
  readonly begins: readonly string[];
  /** Since when it is right while its end is not told; null: it is not. */
  readonly rightSince: string | null;
}

const HOUR_MS = 3_600_000;
/** As many beginnings within an hour are coming and going. */
const MANY_BEGINS = 3;
const RIGHT_MS = 30 * 60_000;
const COMES_AND_GOES = `It comes and goes, ${MANY_BEGINS} times or more within an hour: its end is told when it has been right for half an hour.`;

/** Of a trouble that was told before there were stories. */
export const storyOf = ({ of, since, problem }: Wrong): Story => ({
  ...{ subject: subjectOf(of), told: { of, since, problem }, begins: [since], rightSince: null },
});

/**
 * @param wrong All that is wrong at this moment.
 * @param gone What nobody looks at any more since the last time.
 */
export function afterwards(
  before: readonly Story[],
  wrong: readonly Wrong[],
  gone: readonly string[],
  now: number,
): { readonly stories: readonly Story[]; readonly changes: readonly Change[] } {
  const at = new Date(now).toISOString();
  const stories = new Map(before.map((story) => [story.subject, story]));
  const changes: Change[] = [];
  for (const one of wrong) {
    const subject = subjectOf(one.of);
    const story = stories.get(subject);
    if (story?.told) {
      // What is known of it may have changed.
      const told = story.told.of === one.of ? one : story.told;
      stories.set(subject, { ...story, told, rightSince: null });
    } else {
      const begins = [...(story?.begins ?? []).filter((begin) => Date.parse(begin) + HOUR_MS > now), at];
      stories.set(subject, { subject, told: one, begins, rightSince: null });
      changes.push(
        goesOn({ ...one, problem: begins.length < MANY_BEGINS ? one.problem : `${one.problem}\n${COMES_AND_GOES}` }),
      );
    }
  }
  const wrongNow = new Set(wrong.map(({ of }) => subjectOf(of)));
  for (const story of stories.values()) {
    const { subject, told, begins, rightSince } = story;
    if (wrongNow.has(subject)) continue;
    const isGone = told !== null && (gone.includes(told.of) || gone.includes(subject));
    const right = rightSince ?? at;
    if (told && !isGone && begins.length >= MANY_BEGINS && Date.parse(right) + RIGHT_MS > now) {
      stories.set(subject, { ...story, rightSince: right });
      continue;
    }
    if (told) changes.push({ ...told, until: right, isGone });
    if (begins.some((begin) => Date.parse(begin) + HOUR_MS > now))
      stories.set(subject, { subject, told: null, begins, rightSince: null });
    else stories.delete(subject);
  }
  return { stories: [...stories.values()], changes };
}

/** When the end of something that comes and goes is to be told, if it stays right; undefined: there is none. */
export function endsAt(stories: readonly Story[]): number | undefined {
  const right = stories.flatMap(({ rightSince }) => (rightSince === null ? [] : [Date.parse(rightSince) + RIGHT_MS]));
  return right.length ? Math.min(...right) : undefined;
}
