import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { compareText } from "../lib/compare-text.ts";
import { type BuiltSource, languageOf } from "./schemas/server-schema.ts";

/** The package lock of a server, as it is. */
export type PackageLock = { readonly file: "requirements.txt" | "package-lock.json" } & (
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly reason: string }
  | {
      readonly state: "read";
      readonly packages: readonly LockedPackage[];
      /** What it was made for, as `readRequirements` gives it; undefined when it does not say so. */
      readonly madeFor: readonly string[] | undefined;
    }
);

export interface LockedPackage {
  readonly name: string;
  readonly version: string;
  /** Whether npm would run a program of it when it is installed; a lock of PyPI does not know. */
  readonly hasInstallScript: boolean;
}

/** What a program of one's own asks for, beside its `server.yaml`. */
export interface Requirements {
  readonly file: "requirements.in" | "package.json";
  /** Its text; undefined where there is none. */
  readonly text: string | undefined;
  /** What is in it, sorted: `httpx>=0.28`, `zod@^4.0.0`. */
  readonly wanted: readonly string[];
}

/** Reads the package lock beside `server.yaml` in `folder`. */
export function readPackageLock(folder: string, source: BuiltSource): PackageLock {
  const isPython = languageOf(source) === "python";
  const file = isPython ? "requirements.txt" : "package-lock.json";
  const location = path.join(folder, file);
  if (!existsSync(location)) return { file, state: "missing" };
  try {
    return { file, state: "read", ...(isPython ? lockOfPip : lockOfNpm)(readFileSync(location, "utf8")) };
  } catch (error) {
    if (error instanceof SyntaxError) return { file, state: "unreadable", reason: error.message };
    throw error;
  }
}

/** @throws SyntaxError with what is wrong with the file. */
export function readRequirements(folder: string, source: BuiltSource): Requirements {
  const isPython = languageOf(source) === "python";
  const file = isPython ? "requirements.in" : "package.json";
  const location = path.join(folder, file);
  if (!existsSync(location)) return { file, text: undefined, wanted: [] };
  const text = readFileSync(location, "utf8");
  return { file, text, wanted: isPython ? wantedOfPip(text) : wantedOfNpm(JSON.parse(text) as Manifest) };
}

/** PyPI takes `a_b`, `A.b` and `a-b` for one name (PEP 503). */
export const sameOnPyPi = (a: string, b: string) => normalized(a) === normalized(b);
const normalized = (name: string) => name.toLowerCase().replace(/[-_.]+/g, "-");

const MADE_FOR = "# requirements.in: ";
const BETWEEN = " | ";
/** The line of a `requirements.txt` that says what it was made for. */
export const madeForLine = ({ wanted }: Pick<Requirements, "wanted">) => `${MADE_FOR}${wanted.join(BETWEEN)}\n`;

function lockOfPip(text: string) {
  const packages = [...text.matchAll(/^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)].map(
    ([, name = "", version = ""]) => ({ name, version, hasInstallScript: false }),
  );
  const [first = ""] = text.split("\n");
  return { packages, madeFor: first.startsWith(MADE_FOR) ? first.slice(MADE_FOR.length).split(BETWEEN) : undefined };
}

function wantedOfPip(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim());
  const option = lines.find((line) => line.startsWith("-"));
  if (option !== undefined) throw new SyntaxError(`${option}, an option`);
  return lines.filter((line) => line !== "").sort(compareText);
}

interface Manifest {
  readonly version?: string;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

const parseNpm = (text: string) =>
  (JSON.parse(text) as { packages?: Readonly<Record<string, Manifest>> }).packages ?? {};

const lockOfNpm = (text: string) => {
  const { "": project } = parseNpm(text);
  return { packages: npmPackages(text), madeFor: project && wantedOfNpm(project) };
};

/** Packages of a `package-lock.json`; of one in several versions, that which commands are linked to comes first. */
export function npmPackages(text: string): LockedPackage[] {
  const depth = (location: string) => location.split("node_modules/").length;
  return Object.entries(parseNpm(text))
    .filter(([location]) => location !== "")
    .sort(([a], [b]) => depth(a) - depth(b))
    .map(([location, { version = "", hasInstallScript = false }]) => ({
      name: location.split("node_modules/").at(-1)!,
      version,
      hasInstallScript,
    }));
}

/** `npm ci` compares all of these with the lock, and installs none without one. */
const wantedOfNpm = ({ dependencies, optionalDependencies, peerDependencies, devDependencies }: Manifest): string[] =>
  Object.entries({ ...peerDependencies, ...devDependencies, ...optionalDependencies, ...dependencies })
    .map(([name, range]) => `${name}@${range}`)
    .sort(compareText);
