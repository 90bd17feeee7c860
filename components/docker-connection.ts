import { spawn } from "node:child_process";
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
 * An HTTP agent whose connections are `ssh … docker system dial-stdio`, as the docker CLI and the Pulumi provider open
 * theirs: the same ssh configuration, host keys and permissions hold, and the server needs nothing but the docker CLI.
 */
class SshDialAgent extends http.Agent {
  readonly #url: URL;
  readonly #sshOpts: readonly string[];

  constructor(endpoint: DockerEndpoint) {
    super({ keepAlive: false });
    this.#url = new URL(endpoint.host);
    this.#sshOpts = endpoint.sshOpts;
  }

  override createConnection(_options: unknown, created: (error: Error | null, stream: Duplex) => void): Duplex {
    const port = this.#url.port ? ["-p", this.#url.port] : [];
    const user = this.#url.username ? ["-l", decodeURIComponent(this.#url.username)] : [];
    const child = spawn("ssh", [...this.#sshOpts, ...user, ...port, "--", this.#url.hostname, "docker system dial-stdio"], {
      stdio: ["pipe", "pipe", "pipe"],
    });
    let complaint = "";
    child.stderr.on("data", (chunk) => (complaint += chunk));
    const connection = Duplex.from({ readable: child.stdout, writable: child.stdin });
    connection.on("close", () => child.kill());
    // Without this the caller sees "socket hang up"; what ssh or the remote shell said is the useful part.
    child.on("close", (code) => {
      if (code) connection.destroy(new Error(complaint.trim() || `ssh ended with exit code ${code}`));
    });
    child.on("error", (error) => connection.destroy(error));
    created(null, connection);
    return connection;
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
      return new Docker({ protocol: "http", host: url.hostname, port: 80, agent: new SshDialAgent(endpoint) } as Docker.DockerOptions);
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
