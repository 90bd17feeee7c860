import semver from "semver";

/** Whether a version as programs print it ("v3.250.0", "go1.26.8") is `minimum` or newer; a pre-release counts as its release. */
export const atLeast = (printed: string, minimum: string): boolean =>
  semver.satisfies(semver.coerce(printed) ?? "", `>=${minimum}`);
