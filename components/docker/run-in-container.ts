import { once } from "node:events";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
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

export interface Streams {
  readonly input?: Readable;
  readonly output: Writable;
  readonly env?: Readonly<Record<string, string>>;
}

/** As much of what a command complains of as a message should have. */
const COMPLAINT_CHARACTERS = 2_000;

/**
 * Runs a command whose input and output may be larger than memory: nothing is read before whoever takes it is ready.
 *
 * @throws Error with what it wrote to its error output, when its exit code is not 0.
 */
export async function streamInContainer(
  docker: Docker,
  container: string,
  command: readonly string[],
  { input, output, env = {} }: Streams,
): Promise<void> {
  const exec = await docker.getContainer(container).exec({
    Cmd: [...command],
    Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...{ AttachStdin: input !== undefined, AttachStdout: true, AttachStderr: true },
  });
  const stream = await exec.start({ hijack: true, stdin: input !== undefined });
  let complaint = "";
  const ended = new AbortController();
  const feeding = input ? feed(input, stream, ended.signal) : Promise.resolve();
  const printed = standardOutput(stream, (words) => (complaint = (complaint + words).slice(-COMPLAINT_CHARACTERS)));
  const reading = pipeline(printed, output).finally(() => ended.abort());
  // A command that fails reads no more, so why it failed comes before that it could not be fed.
  const [read, fed] = await Promise.allSettled([reading, feeding]);
  const { ExitCode: exitCode } = await exec.inspect();
  if (exitCode !== 0)
    throw new Error(
      exitCode === 126 || exitCode === 127
        ? `${container}: it has no ${command[0]} that can be run`
        : `${container}: ${command[0]} failed (exit code ${exitCode ?? "unknown"})\n${complaint.trim()}`,
    );
  for (const one of [read, fed]) if (one.status === "rejected") throw one.reason as Error;
}

/** Gives a command its input, until that ends or the command does. */
async function feed(input: Readable, to: Writable, signal: AbortSignal): Promise<void> {
  for await (const chunk of input) {
    if (signal.aborted) return;
    if (!to.write(chunk)) await once(to, "drain", { signal });
  }
  to.end();
}

/** What a command prints; what it complains of goes elsewhere. */
async function* standardOutput(framed: AsyncIterable<Buffer>, complain: (words: string) => void) {
  for await (const { isError, bytes } of framesOf(framed)) {
    if (isError) complain(bytes.toString("utf8"));
    else yield bytes;
  }
}
