import type { ExecaError } from "execa";
import { step } from "./steps.ts";

/** Runs a command that downloads something; false, with the reason on the terminal, when it fails or takes too long. */
export async function downloaded(
  what: string,
  [command, ...args]: readonly [string, ...string[]],
  timeout: number,
  env: Readonly<Record<string, string>> = {},
): Promise<boolean> {
  return step(`${what}: looking for the published release`, async (run) => {
    try {
      await run(command, args, { timeout, env });
      return true;
    } catch (error) {
      const { timedOut, stderr, message } = error as ExecaError;
      const reason = timedOut
        ? `not finished in ${timeout / 60_000} minutes`
        : String(stderr || message)
            .trim()
            .split("\n")
            .at(-1);
      process.stderr.write(`  not available here, so it is built instead (${reason})\n`);
      return false;
    }
  });
}
