import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { before, test, type TestContext } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execa } from "execa";
import { Remote } from "../../adapter/remote.ts";
import { adapterFor, lockOf, type Told, TOKEN, until } from "../../adapter/testing.ts";
import { freePort } from "../free-port.ts";
import { npmPrograms, type Programs } from "./programs.ts";
import { withToken } from "./token-proxy.ts";

// The conformance suite of the protocol's own project: what a server does by itself, it does
// behind an adapter, whatever the adapter speaks to it. And the other way round for what is listed here.

const ONE_FOR_MANY =
  "the server asks its client while it works; behind the adapter many clients share one server, and nobody could say which of them it asks";
/** The only scenarios that a server passes by itself and not behind an adapter. One that passes again has to leave this list. */
const NOT_THROUGH: Readonly<Record<string, string>> = {
  "elicitation-sep1034-defaults": ONE_FOR_MANY,
  "elicitation-sep1330-enums": ONE_FOR_MANY,
  "tools-call-elicitation": ONE_FOR_MANY,
  "tools-call-sampling": ONE_FOR_MANY,
};

type Upstream = "stdio" | "http" | "sse";
/** Checks that passed and failed, by scenario. */
type Results = Readonly<Record<string, { readonly passed: number; readonly failed: number }>>;

let programs: Programs;
before(async () => {
  programs = await npmPrograms();
});

interface Target {
  readonly command: (upstream: Upstream, port: number) => readonly string[];
  readonly env?: (port: number) => Readonly<Record<string, string>>;
  /** How many scenarios pass at least without the adapter, so that the comparison compares something. */
  readonly passes: number;
}

const everything = () => path.join(programs.modules, "@modelcontextprotocol/server-everything/dist/index.js");
const targets: Readonly<Record<string, Target>> = {
  // It has other tools than most scenarios ask for.
  "server-everything": {
    command: (upstream) => [process.execPath, everything(), upstream === "http" ? "streamableHttp" : upstream],
    env: (port) => ({ PORT: String(port) }),
    passes: 11,
  },
  "a server with all that is asked for": {
    command: (upstream, port) => [
      ...[process.execPath, path.join(import.meta.dirname, "conformance-server.ts")],
      ...[upstream, String(port)],
    ],
    passes: 31,
  },
};

/** Runs all scenarios against an address. */
async function conformance(t: TestContext, url: string): Promise<Results> {
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

const passing = (results: Results) =>
  Object.keys(results)
    .filter((name) => results[name]!.failed === 0 && results[name]!.passed > 0)
    .sort();

/** A server over HTTP, as a process of its own. */
async function startHttp(t: TestContext, target: Target, upstream: "http" | "sse"): Promise<URL> {
  const port = await freePort();
  const [command, ...args] = target.command(upstream, port);
  const child: ChildProcess = spawn(command!, args, {
    env: { PATH: process.env.PATH, ...target.env?.(port) },
    stdio: "ignore",
  });
  t.after(async () => {
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  });
  const url = new URL(`http://127.0.0.1:${port}/${upstream === "http" ? "mcp" : "sse"}`);
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

async function listedBy(target: Target) {
  const [command, ...args] = target.command("stdio", 0);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: command!, args, stderr: "ignore", env: { PATH: process.env.PATH! } }),
  );
  const { tools } = await client.listTools();
  await client.close();
  return tools;
}

for (const [name, target] of Object.entries(targets)) {
  let itself: Results | undefined;
  const direct = async (t: TestContext) =>
    (itself ??= await conformance(t, String(await startHttp(t, target, "http"))));

  test(`conformance: ${name}, by itself`, async (t) => {
    const passed = passing(await direct(t));
    t.diagnostic(`${passed.length} of ${Object.keys(itself!).length} scenarios pass`);
    assert.ok(passed.length >= target.passes, passed.join(", "));
  });

  for (const upstream of ["stdio", "http", "sse"] as const)
    test(`conformance: ${name}, behind an adapter that speaks ${upstream} to it`, async (t) => {
      const before = await direct(t);
      const told: Told = { lock: lockOf(await listedBy(target)) };
      const { url, isUp, upstream: server } = await adapterFor(t, { ...told, ...(await way(t, target, upstream)) });
      await isUp();
      assert.deepEqual([server.catalogue.withheld, server.catalogue.missing], [0, []]);
      const through = await conformance(t, `${await withToken(t, url, TOKEN)}/mcp`);
      t.diagnostic(`${passing(through).length} of ${Object.keys(through).length} scenarios pass`);
      const passes = new Set(passing(through));
      const more = [...passes].filter((scenario) => !passing(before).includes(scenario));
      if (more.length) t.diagnostic(`only behind the adapter: ${more.join(", ")}`);
      assert.deepEqual(
        passing(before).filter((scenario) => !passes.has(scenario)),
        passing(before)
          .filter((scenario) => scenario in NOT_THROUGH)
          .sort(),
        "what passes without the adapter and not behind it, against the list of what cannot",
      );
      // Of scenarios that fail without the adapter as well, no check fails that passed.
      for (const [scenario, { passed }] of Object.entries(before))
        if (!(scenario in NOT_THROUGH)) assert.ok(through[scenario]!.passed >= passed, scenario);
    });
}

async function way(t: TestContext, target: Target, upstream: Upstream): Promise<Told> {
  if (upstream === "stdio") return { command: target.command("stdio", 0) };
  const url = await startHttp(t, target, upstream);
  return {
    link: (events) =>
      new Remote(
        {
          ...{ url, transport: upstream, headers: {}, answerBytes: 2 ** 23 },
          reach: { isPublic: false, loopback: true },
        },
        events,
      ),
  };
}
