import { copyFile, readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { cached, step } from "../../bootstrap/steps.ts";

const lockFolder = path.join(path.dirname(import.meta.dirname), "clients");
const MANIFEST = ["package.json", "package-lock.json"] as const;

/** What a program printed, on both streams. */
export interface Ended {
  readonly exitCode: number;
  readonly output: string;
  readonly stdout: string;
}

/** Runs one of the programs for a user that has nothing but a home directory. */
export type Program = (
  args: readonly string[],
  user: {
    readonly home: string;
    readonly cwd?: string;
    readonly env?: Record<string, string>;
    readonly input?: string;
  },
) => Promise<Ended>;

export interface ClientPrograms {
  readonly claude: Program;
  readonly codex: Program;
  readonly gemini: Program;
  readonly inspector: Program;
}

/** Nothing but the gateway and the stand-ins is reached: a proxy that is not there, telemetry and updates off. */
const quiet = {
  HTTP_PROXY: "http://127.0.0.1:9",
  HTTPS_PROXY: "http://127.0.0.1:9",
  NO_PROXY: "127.0.0.1",
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
  MCP_INSPECTOR_SECRET_STORE: "memory",
  NO_COLOR: "1",
};

const LONGEST_RUN_MS = 120_000;

/**
 * The real clients from npm, in the versions of tests/clients/package-lock.json. They take 1.2 GB, so they are in the
 * lab's cache and not among this project's packages. Node 22 comes along, for the Inspector and Gemini CLI.
 */
export async function clientPrograms(): Promise<ClientPrograms> {
  const contents = await Promise.all(MANIFEST.map((name) => readFile(path.join(lockFolder, name))));
  const folder = await cached("clients", [process.platform, process.arch, ...contents], (dir) =>
    step("Install Claude Code, Codex, Gemini CLI and the MCP Inspector", async (run) => {
      for (const name of MANIFEST) await copyFile(path.join(lockFolder, name), path.join(dir, name));
      await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: dir });
    }),
  );
  const modules = path.join(folder, "node_modules");
  const platform = `${process.platform}-${process.arch}`;
  const node = path.join(modules, `node-${platform}`, "bin", "node");
  const program =
    (command: string, ...first: string[]): Program =>
    async (args, { home, cwd = home, env = {}, input }) => {
      const { exitCode, all, stdout } = await execa(command, [...first, ...args], {
        cwd,
        env: { PATH: `${path.dirname(node)}:/usr/bin:/bin`, HOME: home, ...quiet, ...env },
        extendEnv: false,
        ...(input === undefined ? { stdin: "ignore" } : { input }),
        reject: false,
        all: true,
        timeout: LONGEST_RUN_MS,
      });
      return { exitCode: exitCode ?? 1, output: all, stdout };
    };
  return {
    // The program itself: the package's own start file is put in place by an install script only.
    claude: program(path.join(modules, "@anthropic-ai", `claude-code-${platform}`, "claude")),
    codex: program(node, path.join(modules, "@openai/codex/bin/codex.js")),
    gemini: program(node, path.join(modules, ".bin/gemini")),
    inspector: program(node, path.join(modules, ".bin/mcp-inspector"), "--cli"),
  };
}
