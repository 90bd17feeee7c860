import { PassThrough } from "node:stream";
import type Docker from "dockerode";

/** Runs a command in a running container with `input` on its standard input; gives its exit code and what it printed. */
export async function runInContainer(
  docker: Docker,
  container: string,
  command: readonly string[],
  input: string,
): Promise<{ exitCode: number; output: string }> {
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: [...command], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  const printed = new PassThrough();
  let output = "";
  printed.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
  docker.modem.demuxStream(stream, printed, printed);
  const ended = new Promise<void>((resolve, reject) => stream.on("end", resolve).on("error", reject));
  stream.end(input);
  await ended;
  const { ExitCode: exitCode } = await exec.inspect();
  return { exitCode: exitCode ?? 1, output };
}
