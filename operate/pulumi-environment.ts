import { randomBytes } from "node:crypto";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";

const NAME = "litellm-mcp";
/** This project's directory below one of the user's base directories, e.g. `xdg("XDG_CACHE_HOME", ".cache")`; not made. */
export const xdg = (variable: string, fallback: string) =>
  path.join(process.env[variable] ?? path.join(homedir(), fallback), NAME);

/** Whether `pulumi login` has chosen a backend on this machine. */
async function loggedIn(): Promise<boolean> {
  const home = process.env.PULUMI_HOME ?? path.join(homedir(), ".pulumi");
  const text = await readFile(path.join(home, "credentials.json"), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "{}";
    throw error;
  });
  return Boolean((JSON.parse(text) as { current?: string }).current);
}

/** A random passphrase for stack secrets, made once and readable by this user alone. */
async function passphraseFile(): Promise<string> {
  const file = path.join(xdg("XDG_CONFIG_HOME", ".config"), "passphrase");
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // "wx": an existing passphrase is never replaced; without it no secret in the state could be read again.
  await writeFile(file, randomBytes(32).toString("base64url"), { mode: 0o600, flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    },
  );
  await chmod(file, 0o600);
  return file;
}

/**
 * Variables `pulumi` needs to run unattended: state and passphrase in files of this user, unless the user has already
 * decided otherwise (variables, or `pulumi login`).
 */
export async function pulumiEnvironment(): Promise<Record<string, string>> {
  const env: Record<string, string> = { PULUMI_SKIP_UPDATE_CHECK: "true" };
  if (!process.env.PULUMI_BACKEND_URL && !(await loggedIn())) {
    const state = xdg("XDG_DATA_HOME", ".local/share");
    await mkdir(state, { recursive: true, mode: 0o700 });
    env.PULUMI_BACKEND_URL = `file://${state}`;
  }
  if (!process.env.PULUMI_CONFIG_PASSPHRASE && !process.env.PULUMI_CONFIG_PASSPHRASE_FILE)
    env.PULUMI_CONFIG_PASSPHRASE_FILE = await passphraseFile();
  return env;
}

/** What the preparation of this machine sets (`bootstrap/prepare.ts`). */
const PREPARED = ["PATH", "PULUMI_HOME", "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"];

/**
 * Lines for a shell, without other variables that it has already: PULUMI_ACCESS_TOKEN or PULUMI_CONFIG_PASSPHRASE would only
 * be shown to whoever looks at the screen or at a log.
 */
export function shellLines(
  given: Readonly<Record<string, string | undefined>>,
  own: Readonly<Record<string, string>>,
): string[] {
  const prepared = Object.entries(given).filter(([name]) => PREPARED.includes(name));
  const quoted = (value = "") => `'${value.replaceAll("'", `'\\''`)}'`;
  return Object.entries({ ...Object.fromEntries(prepared), ...own }).map(
    ([name, value]) => `export ${name}=${quoted(value)}`,
  );
}
