import { readFileSync } from "node:fs";
import path from "node:path";
import type Docker from "dockerode";
import { visible } from "../../approval/tool-scan.ts";
import { ended, logOf, ThrowAways } from "../listing/throw-away.ts";

/** What a package says of itself. */
export interface PackageFacts {
  readonly description: string | undefined;
  /** Programs that it brings, by name. */
  readonly programs: readonly string[];
}

const script = () => readFileSync(path.join(import.meta.dirname, "package_facts.py"), "utf8");

/**
 * Reads what the package in an image says of itself; nothing of the package runs.
 *
 * @param server What it is read for.
 */
export async function packageFacts(
  docker: Docker,
  server: string,
  image: string,
  { kind, package: name }: { readonly kind: "npm" | "pypi"; readonly package: string },
): Promise<PackageFacts> {
  const { exitCode, output } = await runOnce(
    docker,
    server,
    image,
    ["python3", "-I", "-c", script(), kind, name],
    true,
  );
  if (exitCode !== 0) throw new Error(`${name}: what it says of itself cannot be read:\n${visible(output)}`);
  const { description, programs } = JSON.parse(output) as { description: string | null; programs: string[] };
  return { description: description ?? undefined, programs };
}

/** Whether somebody else's image has python3, by which its healthcheck can speak MCP. */
export async function hasPython(docker: Docker, server: string, image: string): Promise<boolean> {
  try {
    return (await runOnce(docker, server, image, ["python3", "-c", ""], false)).exitCode === 0;
  } catch (error) {
    // Docker refuses to start a program that is not there.
    if ((error as { statusCode?: number }).statusCode === 400) return false;
    throw error;
  }
}

async function runOnce(
  docker: Docker,
  server: string,
  image: string,
  [program = "", ...rest]: string[],
  isOwnImage: boolean,
) {
  const made = new ThrowAways(docker, server);
  try {
    const { container } = await made.run({ image, entrypoint: [program], command: rest, memoryMiB: 128, isOwnImage });
    return { exitCode: await ended(container), output: await logOf(container) };
  } finally {
    await made.remove();
  }
}

/**
 * The program of a package that is the server: its only one, or the one that is named like the package.
 *
 * @throws Error that names those there are.
 */
export function programOf(name: string, programs: readonly string[]): string {
  const own = name.split("/").at(-1)!;
  const found = programs.length === 1 ? programs[0] : programs.find((one) => sameName(one, own));
  if (found !== undefined) return found;
  throw new Error(
    programs.length
      ? `${name}: which of its programs is the server? Say it by --command: ${programs.map(visible).sort().join(", ")}`
      : `${name}: brings no program. Say what starts the server by --command, such as --command "python3 -m ${own}"`,
  );
}

const sameName = (a: string, b: string) => normalized(a) === normalized(b);
const normalized = (name: string) => name.toLowerCase().replace(/[-_.]+/g, "-");

const LONGEST = 200;

/** A package's text as the one line of a server.yaml: it is somebody else's, and is shown to whoever adds it. */
export function oneLine(description: string | undefined): string | undefined {
  const line = visible(description ?? "")
    .replace(/\s+/g, " ")
    .trim();
  return line ? (line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line) : undefined;
}
