import path from "node:path";
import { execa } from "execa";
import { preparePython } from "../../bootstrap/python.ts";
import { freePort } from "../free-port.ts";
import { eventually } from "./gateway.ts";

const lockFolder = path.join(path.dirname(import.meta.dirname), "clients");
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
