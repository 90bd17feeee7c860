import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { ServerDefinition } from "./schemas/server-schema.ts";

type Package = Exclude<ServerDefinition["source"], { kind: "image" }>;

/** The package lock of a server: which file it is, and which version of the server's own package it pins. */
export type PackageLock = { readonly file: "requirements.txt" | "package-lock.json" } & (
  | { readonly state: "missing" }
  | { readonly state: "unreadable"; readonly reason: string }
  /** `version` is undefined when the lock does not name the package. */
  | { readonly state: "read"; readonly version: string | undefined }
);

/** Reads the package lock beside `server.yaml` in `folder`. */
export function readPackageLock(folder: string, source: Package): PackageLock {
  const file = source.kind === "pypi" ? "requirements.txt" : "package-lock.json";
  const location = path.join(folder, file);
  if (!existsSync(location)) return { file, state: "missing" };
  const text = readFileSync(location, "utf8");
  try {
    const version = source.kind === "pypi" ? pinnedByPip(text, source.package) : pinnedByNpm(text, source.package);
    return { file, state: "read", version };
  } catch (error) {
    if (error instanceof SyntaxError) return { file, state: "unreadable", reason: error.message };
    throw error;
  }
}

function pinnedByPip(requirements: string, name: string): string | undefined {
  for (const [, pinned = "", version] of requirements.matchAll(/^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)/gm)) {
    if (normalized(pinned) === normalized(name)) return version;
  }
  return undefined;
}

/** PyPI takes `a_b`, `A.b` and `a-b` for one name (PEP 503). */
const normalized = (name: string) => name.toLowerCase().replace(/[-_.]+/g, "-");

function pinnedByNpm(lock: string, name: string): string | undefined {
  const { packages } = JSON.parse(lock) as { packages?: Record<string, { version?: string }> };
  return packages?.[`node_modules/${name}`]?.version;
}
