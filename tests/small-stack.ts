import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { stringify } from "yaml";
import type { LoadArgs } from "../settings/context.ts";
import { loadSettings } from "../settings/load.ts";
import { SettingsError } from "../settings/problems.ts";

export const STACK = "Pulumi.test.yaml";

const temporary = mkdtempSync(path.join(tmpdir(), "settings-"));

after(() => rmSync(temporary, { recursive: true }));

type Files = Record<string, string>;

export const time = {
  description: "Tells the time",
  source: { pypi: "mcp-server-time", version: "2026.10.19", command: ["mcp-server-time", "--local-timezone", "UTC"] },
  transport: { kind: "stdio" },
  accessGroups: ["basics"],
  check: { tool: "get_current_time", arguments: { timezone: "UTC" }, expect: "UTC" },
};

const timeLock = "mcp-server-time==2026.10.19 \\\n    --hash=sha256:0000\n";

const HASH = `sha256:${"0".repeat(64)}`;

export const timeTools = { get_current_time: { description: "The time now", inputSchema: HASH } };

export const git = {
  description: "Reads repositories",
  source: { npm: "@example/git", version: "1.2.3", command: ["git-server"] },
  transport: { kind: "stdio" },
  register: "http",
  mounts: [{ name: "repositories", target: "/repositories" }],
};

/** What is said of `git` on LiteLLM 1.77.3. */
export const GIT_OVER_HTTP =
  "`git` is registered as http: on LiteLLM 1.77.3 one call to it while its container is down can lock /mcp/ for all servers until the healthcheck restarts the gateway.";

const gitLock = JSON.stringify({ packages: { "node_modules/@example/git": { version: "1.2.3" } } });

export const database = {
  description: "Reads Postgres",
  source: { image: "example/postgres-mcp:0.3.0", command: ["--transport=sse"] },
  transport: { kind: "sse", port: 8000 },
  secrets: { DATABASE_URI: "postgresReadOnlyUrl" },
  postgres: true,
  healthcheck: "python",
};

export const house = {
  description: "Lights and heating",
  source: { url: "http://192.168.1.20:8123/sse" },
  transport: { kind: "sse" },
};

const goodFolders: Files = {
  "time/server.yaml": stringify(time),
  "time/requirements.txt": timeLock,
  "time/tools.lock.json": JSON.stringify(timeTools),
  "git/server.yaml": stringify(git),
  "git/package-lock.json": gitLock,
  "postgres/server.yaml": stringify(database),
};

export const local = { docker: { host: "unix:///var/run/docker.sock" }, lan: { address: "127.0.0.1" } };

let count = 0;

function folders(files: Files): string {
  const mcpDir = path.join(temporary, String(count++), "mcp");
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(mcpDir, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  mkdirSync(mcpDir, { recursive: true });
  return mcpDir;
}

interface Case {
  readonly config?: Record<string, unknown>;
  readonly files?: Files;
  readonly secretNames?: readonly string[];
}

export const argsFor = ({ config = {}, files = {}, secretNames = [] }: Case): LoadArgs => ({
  stackFile: STACK,
  config: { ...local, ...config },
  secretNames,
  mcpDir: folders({ ...goodFolders, ...files }),
});

export const load = (given: Case) => loadSettings(argsFor(given));

/** A message as it reaches the user, from `[file, path, found, write]` of each problem. */
export const message = (...problems: readonly (readonly [string, string, string, string])[]) =>
  `${problems.length === 1 ? "1 problem" : `${problems.length} problems`} in the settings, nothing was changed:\n\n` +
  problems.map(([file, at, found, write]) => `${file}: ${at}\n    found: ${found}\n    write: ${write}\n`).join("\n");

export const timeYaml = (changes: Record<string, unknown>) => ({
  "time/server.yaml": stringify({ ...time, ...changes }),
});

export const databaseYaml = (changes: Record<string, unknown>) => ({
  "postgres/server.yaml": stringify({ ...database, ...changes }),
});

/** One more server. */
export const houseYaml = (changes: Record<string, unknown>) => ({
  "house/server.yaml": stringify({ ...house, ...changes }),
});

/** One more server, a program of somebody's own, with changes of its source and files beside it. */
export const programFiles = (source: object, files: Files = {}, changes: object = {}): Files => ({
  "dice/server.yaml": stringify({
    description: "Throws dice",
    source: { program: "python", command: ["python3", "server.py"], ...source },
    transport: { kind: "stdio" },
    ...changes,
  }),
  "dice/server.py": "",
  ...Object.fromEntries(Object.entries(files).map(([name, text]) => [`dice/${name}`, text])),
});

export const HIDDEN = "a text that is not shown here";

export const KEY = "a key that nothing reads";

export const IMAGE =
  "an image with a fixed tag or digest, such as name:1.2.3 or name@sha256:…; tags such as latest move";

export const inStack = (
  title: string,
  config: Record<string, unknown>,
  at: string,
  found: string,
  write: string,
  more: Case = {},
) => ({ title, given: { ...more, config }, expected: [STACK, `litellm-mcp:${at}`, found, write] }) as const;

export const inFile = (
  title: string,
  files: Files,
  file: string,
  at: string,
  found: string,
  write: string,
  more: Case = {},
) => ({ title, given: { ...more, files }, expected: [`mcp/${file}`, at, found, write] }) as const;

export const setSecret = (name: string) => `\`pulumi config set --secret --path 'litellm-mcp:secrets.${name}'\``;

export const ANY_TOOL = { allow: null, deny: [] };

/** A test for each case: it is the only problem, and the user sees exactly this message. */
export function refused(
  cases: readonly { title: string; given: Case; expected: readonly [string, string, string, string] }[],
): void {
  for (const { title, given, expected } of cases) {
    test(`refused: ${title}`, () => {
      assert.throws(
        () => load(given),
        (error) => {
          assert(error instanceof SettingsError, String(error));
          assert.equal(error.message, message(expected));
          return true;
        },
      );
    });
  }
}
