import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import http from "node:http";
import { Duplex } from "node:stream";
import Docker from "dockerode";

/** How to reach a Docker daemon: what `docker.Provider` is told, so that the program's own checks see the same server. */
export interface DockerEndpoint {
  /** `unix:///path/to.sock` or `ssh://user@host[:port]`. */
  readonly host: string;
  /** Options for the `ssh` command, for example `["-o", "BatchMode=yes"]`; empty for a socket. */
  readonly sshOpts: readonly string[];
}

/**
 * One connection to the daemon: `ssh … docker system dial-stdio`, as the docker CLI and the Pulumi provider open theirs.
 * The same ssh configuration, host keys and permissions hold, and the server needs nothing but the docker CLI.
 */
class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;

  constructor({ host, sshOpts }: DockerEndpoint) {
    super();
    const url = new URL(host);
    const port = url.port ? ["-p", url.port] : [];
    const user = url.username ? ["-l", decodeURIComponent(url.username)] : [];
    this.#child = spawn("ssh", [...sshOpts, ...user, ...port, "--", url.hostname, "docker system dial-stdio"]);
    let complaint = "";
    this.#child.stderr.on("data", (chunk) => (complaint += chunk));
    this.#child.stdout.on("data", (chunk) => {
      if (!this.push(chunk)) this.#child.stdout.pause();
    });
    // Not at the end of stdout nor at a broken pipe: what ssh or the remote shell said comes with the exit code, and is the useful part.
    this.#child.on("close", (code) => {
      if (code) this.destroy(new Error(complaint.trim() || `ssh ended with exit code ${code}`));
      else this.push(null);
    });
    this.#child.on("error", (error) => this.destroy(error));
    this.#child.stdin.on("error", () => {});
  }

  override _read() {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void) {
    this.#child.stdin.write(chunk, () => done());
  }

  override _final(done: () => void) {
    this.#child.stdin.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void) {
    this.#child.kill();
    done(error);
  }
}

class SshAgent extends http.Agent {
  readonly #endpoint: DockerEndpoint;

  constructor(endpoint: DockerEndpoint) {
    super({ keepAlive: false });
    this.#endpoint = endpoint;
  }

  override createConnection(): Duplex {
    return new SshConnection(this.#endpoint);
  }
}

/** A dockerode client for the endpoint. Opens no connection by itself. */
export function connectDocker(endpoint: DockerEndpoint): Docker {
  const url = new URL(endpoint.host);
  switch (url.protocol) {
    case "unix:":
      return new Docker({ socketPath: url.pathname });
    case "ssh:":
      // docker-modem honours `agent`; its type declarations leave it out.
      return new Docker({ protocol: "http", host: url.hostname, port: 80, agent: new SshAgent(endpoint) } as Docker.DockerOptions);
    default:
      throw new Error(`${endpoint.host}: a Docker host is reached by unix:// or ssh://`);
  }
}

/** The last `lines` lines a container wrote to stdout and stderr, without Docker's stream framing. */
export async function containerLogTail(docker: Docker, container: string, lines: number): Promise<string> {
  const raw = await docker.getContainer(container).logs({ stdout: true, stderr: true, tail: lines, follow: false });
  return demultiplex(raw).trimEnd();
}

/** Docker frames each chunk of a log as [stream, 0, 0, 0, size as 32-bit big endian] + bytes (Engine API, "attach"). */
export function demultiplex(raw: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= raw.length; ) {
    const size = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return Buffer.concat(parts).toString("utf8");
}
