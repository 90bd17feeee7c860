import { text } from "node:stream/consumers";
import { execa } from "execa";
import { type DockerEndpoint, isSsh, SshConnection } from "./ssh-connection.ts";

const WITHIN_MS = 15_000;

/**
 * What a shell script prints on the host of a daemon: by ssh, or on this machine where its socket is. Empty where nobody
 * answers in time, or the host lets this user run nothing but `docker`.
 */
export async function printedOnHost(endpoint: DockerEndpoint, script: string, withinMs = WITHIN_MS): Promise<string> {
  if (!isSsh(endpoint)) {
    const { stdout } = await execa("sh", ["-c", script], { reject: false, timeout: withinMs, stdin: "ignore" });
    return stdout ?? "";
  }
  // That the last command fails is nothing to ssh, which would forget what the others have printed.
  const connection = new SshConnection(endpoint, { command: `{ ${script}\n} 2>/dev/null; true` });
  const late = setTimeout(() => connection.destroy(new Error("no answer")), withinMs);
  connection.end();
  return text(connection)
    .catch(() => "")
    .finally(() => clearTimeout(late));
}
