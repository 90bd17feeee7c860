import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { preparePython } from "../../bootstrap/python.ts";
import { cached, step } from "../../bootstrap/steps.ts";
import { freePort } from "../free-port.ts";
import { eventually } from "./gateway.ts";

const lockFolder = path.join(path.dirname(import.meta.dirname), "clients");
const MANIFEST = ["package.json", "package-lock.json"] as const;
/** On a busy machine with two cores. */
const STARTED_WITHIN_S = 180;

/** A program that serves a page. */
export interface Served {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends it, and waits until it has ended. */
  stop(): Promise<void>;
}

async function serve(
  what: string,
  health: string,
  command: string,
  args: (port: number) => readonly string[],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = { PATH: "/usr/bin:/bin", HTTP_PROXY: "http://127.0.0.1:9", HTTPS_PROXY: "http://127.0.0.1:9" };
  const child = execa(command, args(port), {
    cwd: options.cwd,
    env: { ...env, NO_PROXY: "127.0.0.1", ...options.env },
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    all: true,
  });
  let ended = false;
  void child.then(() => (ended = true));
  const stop = async () => {
    child.kill();
    await child;
  };
  try {
    await eventually(`${what} answers at ${url}`, STARTED_WITHIN_S, async () => {
      if (ended) throw new Error(`${what} has ended:\n${(await child).all}`);
      return fetch(`${url}${health}`).then(
        (answer) => answer.ok,
        () => false,
      );
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { url, stop };
}

/** Whoever runs the tests is asked nothing. */
const agreed = () => Promise.resolve();

/**
 * Open WebUI from PyPI, as its image `slim` has it.
 *
 * @param variables The lines of `open-webui.env`, as `docker run --env-file` reads them.
 */
export async function startOpenWebUi(variables: string, dataDir: string): Promise<Served> {
  const bin = await preparePython("Open WebUI", path.join(lockFolder, "open-webui", "requirements.txt"), agreed, {
    // It asks for Python 3.11 or 3.12, and works on Debian 13's 3.13 as well. The file has all packages.
    options: ["--ignore-requires-python", "--no-deps"],
  });
  const given = variables.split("\n").flatMap((line) => {
    const at = line.indexOf("=");
    return at < 1 ? [] : [[line.slice(0, at), line.slice(at + 1)] as const];
  });
  return serve(
    "Open WebUI",
    "/health",
    path.join(bin, "python3"),
    (port) => ["-c", "from open_webui import app; app()", "serve", "--host", "127.0.0.1", "--port", String(port)],
    {
      cwd: dataDir,
      env: {
        DATA_DIR: dataDir,
        HOME: dataDir,
        USE_SLIM_DOCKER: "true",
        OFFLINE_MODE: "true",
        ENABLE_OLLAMA_API: "false",
        ...Object.fromEntries(given),
      },
    },
  );
}

/**
 * VS Code as code-server packs it for npm, without code-server's own program, which only adds a login. None of its
 * install scripts runs: terminals and file watching are not needed here. Its Node comes along.
 *
 * @param dataDir Where it keeps everything.
 */
export async function startVsCode(dataDir: string): Promise<Served> {
  const folder = path.join(lockFolder, "code-server");
  const contents = await Promise.all(MANIFEST.map((name) => readFile(path.join(folder, name))));
  const made = await cached("code-server", [process.platform, process.arch, ...contents], (dir) =>
    step("Install VS Code", async (run) => {
      const install = ["ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund"];
      for (const name of MANIFEST) await copyFile(path.join(folder, name), path.join(dir, name));
      await run("npm", install, { cwd: dir });
      const code = vsCodeIn(dir);
      // VS Code's own packages are locked inside code-server's; that lock has no peers, and npm misses them otherwise.
      await run("npm", [...install, "--legacy-peer-deps"], { cwd: code });
    }),
  );
  const code = vsCodeIn(made);
  const user = path.join(dataDir, "data", "User");
  await mkdir(user, { recursive: true });
  await writeFile(path.join(user, "settings.json"), '{ "workbench.startupEditor": "none" }\n');
  return serve(
    "VS Code",
    "/",
    path.join(made, "node_modules", `node-${process.platform}-${process.arch}`, "bin", "node"),
    (port) => [
      path.join(code, "out/server-main.js"),
      ...["--host", "127.0.0.1", "--port", String(port), "--server-data-dir", dataDir],
      ...["--without-connection-token", "--accept-server-license-terms", "--telemetry-level", "off"],
    ],
    { cwd: code, env: { HOME: dataDir } },
  );
}

const vsCodeIn = (dir: string) => path.join(dir, "node_modules/code-server/lib/vscode");
