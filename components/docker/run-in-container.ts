import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import { framesOf } from "./docker-connection.ts";

/** Runs a command in a running container with `input` on its standard input; gives its exit code and what it printed. */
export async function runInContainer(
  docker: Docker,
  container: string,
  command: readonly string[],
  input = "",
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: [...command], AttachStdin: true, AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: true });
  const [out, err] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, out, err);
  stream.on("end", () => [out, err].forEach((one) => one.end()));
  stream.on("error", (error) => [out, err].forEach((one) => one.destroy(error)));
  stream.end(input);
  const [stdout, stderr] = await Promise.all([text(out), text(err)]);
  const { ExitCode: exitCode } = await exec.inspect();
  return { exitCode: exitCode ?? 1, stdout, stderr };
}

/**
 * What a command in a running container prints, as fast as it is read, however much it is.
 *
 * @throws Error with what it wrote to standard error when its exit code is not 0.
 */
export async function* outputOf(
  docker: Docker,
  container: string,
  command: readonly string[],
): AsyncGenerator<Buffer, void> {
  const exec = await docker.getContainer(container).exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  let said = "";
  for await (const { isError, bytes } of framesOf(await exec.start({}))) {
    if (isError) said += bytes.toString("utf8");
    else yield bytes;
  }
  const { ExitCode: exitCode } = await exec.inspect();
  if (exitCode !== 0) throw new Error(`${command[0]} in ${container}: ${said.trim() || `exit code ${exitCode}`}`);
}
