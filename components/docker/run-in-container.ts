import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import type Docker from "dockerode";

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
