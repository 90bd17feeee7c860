import semver from "semver";

/** Whether a version as a program prints it ("v3.250.0", "go1.26.8") is `minimum` or newer; of a pre-release the three numbers count. */
export const atLeast = (printed: string, minimum: string): boolean =>
  semver.satisfies(semver.coerce(printed) ?? "", `>=${minimum}`);
