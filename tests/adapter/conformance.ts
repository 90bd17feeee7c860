import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import { execa } from "execa";
import { until } from "../../adapter/testing.ts";
import { freePort } from "../free-port.ts";
import type { Programs } from "./programs.ts";

// The conformance suite of the protocol's own project, and the servers that it is run against.

export type Upstream = "stdio" | "http" | "sse";

export interface Target {
  readonly command: (upstream: Upstream, port: number, address?: string) => readonly string[];
  readonly env?: (port: number) => Readonly<Record<string, string>>;
  /** How many scenarios pass at least without anything between, so that a comparison compares something. */
  readonly passes: number;
}

export type TargetName = "server-everything" | "a server with all that is asked for";

export const targets = ({ modules }: Programs): Readonly<Record<TargetName, Target>> => ({
  // It has other tools than most scenarios ask for.
  "server-everything": {
    command: (upstream) => [
      ...[process.execPath, path.join(modules, "@modelcontextprotocol/server-everything/dist/index.js")],
      upstream === "http" ? "streamableHttp" : upstream,
    ],
    env: (port) => ({ PORT: String(port) }),
    passes: 11,
  },
  "a server with all that is asked for": {
    command: (upstream, port, address = "127.0.0.1") => [
      ...[process.execPath, path.join(import.meta.dirname, "conformance-server.ts")],
      ...[upstream, String(port), address],
    ],
    passes: 31,
  },
});

/**
 * Starts a server over HTTP, as a process of its own, until `t` ends.
 *
 * @param address Where it listens, if it can listen elsewhere than on the loopback.
 */
export async function startHttp(
  t: { readonly after: (stop: () => Promise<void>) => void },
  target: Target,
  upstream: "http" | "sse",
  address = "127.0.0.1",
): Promise<URL> {
  const port = await freePort();
  const [command, ...args] = target.command(upstream, port, address);
  const child: ChildProcess = spawn(command!, args, {
    env: { PATH: process.env.PATH, ...target.env?.(port) },
    stdio: "ignore",
  });
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const url = new URL(`http://${address}:${port}/${upstream === "http" ? "mcp" : "sse"}`);
  // At a path that nothing is at, so that it opens no session.
  await until(
    () =>
      fetch(new URL("/nothing", url)).then(
        () => true,
        () => false,
      ),
    "it listens",
    60_000,
  );
  return url;
}

/** Checks that passed and failed, by scenario. */
export type Results = Readonly<Record<string, { readonly passed: number; readonly failed: number }>>;

/** Runs all scenarios against an address. */
export async function conformance(t: TestContext, programs: Programs, url: string): Promise<Results> {
  const folder = await mkdtemp(path.join(tmpdir(), "conformance-"));
  t.after(() => rm(folder, { recursive: true }));
  const program = path.join(programs.modules, "@modelcontextprotocol/conformance/dist/index.js");
  const { all } = await execa(programs.node, [program, "server", "--url", url, "--suite", "all", "-o", folder], {
    all: true,
    reject: false,
    timeout: 300_000,
  });
  const results = Object.fromEntries(
    [...all.matchAll(/^[✓✗] (\S+): (\d+) passed, (\d+) failed$/gm)].map(([, name, passed, failed]) => [
      name!,
      { passed: Number(passed), failed: Number(failed) },
    ]),
  );
  assert.ok(Object.keys(results).length >= 30, all);
  return results;
}

/** Names of the scenarios of which a check passed and none failed. */
export const passing = (results: Results) =>
  Object.keys(results)
    .filter((name) => results[name]!.failed === 0 && results[name]!.passed > 0)
    .sort();
