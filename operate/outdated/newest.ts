import path from "node:path";
import { execa } from "execa";
import type { ServerDefinition } from "../../settings/schemas/server-schema.ts";
import { PYTHON_VERSION, uvFolder } from "../lock.ts";
import { readReference, tagsOf } from "./image-tags.ts";
import { isNewer, newestTag } from "./versions.ts";

/** What a server.yaml pins, and what its registry has. */
export interface Age {
  readonly server: string;
  /** Whose registry was asked; undefined: there is none to ask. */
  readonly registry: "npm" | "PyPI" | "images" | undefined;
  /** Of the package or image. */
  readonly name: string;
  /** As `mcp/<server>/server.yaml` says it. */
  readonly version: string | undefined;
  /** Undefined where nobody says it; `problem` says why. */
  readonly newest: string | undefined;
  readonly isOutdated: boolean;
  readonly problem: string | undefined;
}

type Source = ServerDefinition["source"];

/** Asks for the newest version of each kind; a test gives its own. */
export interface Registries {
  readonly npm: (name: string) => Promise<string>;
  readonly pypi: (name: string) => Promise<string>;
  readonly tags: typeof tagsOf;
}

/**
 * How old what a server runs is. A registry that does not answer is said, and stops nothing.
 *
 * @param of Those tags of an image that come into question.
 */
export async function ageOf(
  server: string,
  source: Source,
  registries: Partial<Registries> = {},
  of: (tags: readonly string[]) => readonly string[] = (tags) => tags,
): Promise<Age> {
  const none = { server, newest: undefined, isOutdated: false };
  const asked = { ...none, ...nameOf(source) };
  try {
    const newest = await newestOf(source, { ...REGISTRIES, ...registries }, of);
    if (typeof newest !== "string") return { ...asked, problem: newest.why };
    return { ...asked, newest, isOutdated: isNewer(newest, asked.version ?? ""), problem: undefined };
  } catch (error) {
    return { ...asked, problem: (error as Error).message };
  }
}

function nameOf(source: Source): Pick<Age, "registry" | "name" | "version"> {
  switch (source.kind) {
    case "npm":
      return { registry: "npm", name: source.package, version: source.version };
    case "pypi":
      return { registry: "PyPI", name: source.package, version: source.version };
    case "image": {
      const { tag } = readReference(source.image);
      return { registry: "images", name: source.image, version: tag };
    }
    case "url":
      return { registry: undefined, name: source.url, version: undefined };
    case "program":
      return { registry: undefined, name: "a program of your own", version: undefined };
  }
}

async function newestOf(
  source: Source,
  { npm, pypi, tags }: Registries,
  of: (tags: readonly string[]) => readonly string[],
): Promise<string | { readonly why: string }> {
  switch (source.kind) {
    case "npm":
      return npm(source.package);
    case "pypi":
      return pypi(source.package);
    case "image": {
      const { tag, ...reference } = readReference(source.image);
      if (tag === undefined) return { why: "it is named by its digest, which has no age" };
      return (
        newestTag(tag, of(await tags(reference))) ?? { why: `its tag ${tag} has no number that could be compared` }
      );
    }
    case "url":
      return { why: "it runs elsewhere, and whoever runs it knows its version" };
    case "program":
      return { why: "npm run lock takes newer packages where its own file lets it" };
  }
}

/** As npm is set on this machine: its registry, proxy, certificates, login. */
async function newestOnNpm(name: string): Promise<string> {
  const options = ["--json", "--loglevel=silent", "--fetch-retries=1", "--fetch-timeout=20000"];
  const { stdout, exitCode } = await execa("npm", ["view", name, "version", ...options], { reject: false });
  const answer = read(stdout);
  if (exitCode === 0 && typeof answer === "string") return answer;
  const { summary, code } = (answer as { error?: { summary?: string; code?: string } } | undefined)?.error ?? {};
  const said = (summary ?? code ?? `it ended with exit code ${exitCode}`).trim().split("\n")[0];
  throw new Error(`npm does not say: ${said}`);
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** As pip is set on this machine: its index, proxy, certificates. Versions for the Python of the servers' images. */
async function newestOnPyPi(name: string): Promise<string> {
  const options = [
    "--python-version",
    PYTHON_VERSION,
    "--disable-pip-version-check",
    "--retries",
    "1",
    "--timeout",
    "20",
  ];
  const pip = path.join(await uvFolder(), "pip");
  const { stdout, stderr } = await execa(pip, ["index", "versions", name, ...options], { reject: false });
  const [, version] = /^\S+ \(([^)]+)\)/.exec(stdout) ?? [];
  if (version !== undefined) return version;
  throw new Error(`pip does not say: ${reasonOfPip(stderr)}`);
}

/** What went wrong is in the middle of a long warning, and the last line says that nothing was found. */
export function reasonOfPip(said: string): string {
  const [connection] =
    /(?:Failed to establish|Failed to resolve|certificate verify failed|\bRead timed out)[^'")]*/.exec(said) ?? [];
  const error = said.split("\n").find((line) => line.startsWith("ERROR: "));
  return (connection ?? error?.slice("ERROR: ".length) ?? said).trim().slice(0, 300);
}

const REGISTRIES: Registries = { npm: newestOnNpm, pypi: newestOnPyPi, tags: tagsOf };
