import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import http from "node:http";
import { Duplex } from "node:stream";
import { LOOPBACK } from "../../settings/settings.ts";

/**
 * How to reach a Docker daemon and its host. `docker.Provider` is told the same, so that the program's own checks see
 * the same host.
 */
export interface DockerEndpoint {
  /** `unix:///path/to.sock` or `ssh://user@host[:port]`. */
  readonly host: string;
  /** Options for the `ssh` command, for example `["-o", "BatchMode=yes"]`; empty for a socket. */
  readonly sshOpts: readonly string[];
}

/**
 * What is at the other end of a connection: a command's standard input and output, or a port of the host's loopback or
 * of another address that the host reaches.
 */
export type SshTarget = { readonly command: string } | { readonly port: number; readonly address?: string };

export const isSsh = ({ host }: DockerEndpoint) => host.startsWith("ssh:");

/**
 * One connection to the host by an `ssh` process of its own, as the docker CLI and the Pulumi provider open theirs. The
 * same ssh configuration, host keys and permissions hold.
 */
export class SshConnection extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;

  constructor({ host, sshOpts }: DockerEndpoint, target: SshTarget) {
    super();
    const url = new URL(host);
    const port = url.port ? ["-p", url.port] : [];
    const user = url.username ? ["-l", decodeURIComponent(url.username)] : [];
    const forward = "port" in target ? ["-W", `${target.address ?? LOOPBACK}:${target.port}`] : [];
    const command = "command" in target ? [target.command] : [];
    this.#child = spawn("ssh", [...sshOpts, ...user, ...port, ...forward, "--", url.hostname, ...command]);
    let complaint = "";
    this.#child.stderr.on("data", (chunk) => (complaint += chunk));
    this.#child.stdout.on("data", (chunk) => {
      if (!this.push(chunk)) this.#child.stdout.pause();
    });
    // The stream ends here, not already at the end of stdout or at a broken pipe: only now everything is there that ssh
    // or the remote shell has to say, and that is the useful part.
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

/** HTTP over ssh, a process for each connection. */
export class SshAgent extends http.Agent {
  readonly #endpoint: DockerEndpoint;
  readonly #target: SshTarget;

  constructor(endpoint: DockerEndpoint, target: SshTarget) {
    super({ keepAlive: false });
    this.#endpoint = endpoint;
    this.#target = target;
  }

  override createConnection(): Duplex {
    return new SshConnection(this.#endpoint, this.#target);
  }
}

/** What sshd says when its AllowTcpForwarding or PermitOpen forbid a connection to a port of the host. */
const FORBIDDEN = /administratively prohibited/;

/**
 * Whether something listens on a port of the host's loopback, asked through ssh.
 *
 * @throws Error with what ssh said when it could not be asked; SshForwardingError when sshd forbids it.
 */
export async function listensOverSsh(endpoint: DockerEndpoint, port: number, withinMs: number): Promise<boolean> {
  const connection = new SshConnection(endpoint, { port });
  // ssh does not say that it has connected. A program that is sent nothing ends the connection or stays silent; both
  // show that it is there.
  connection.end();
  connection.resume();
  return new Promise((resolve, reject) => {
    const silent = setTimeout(() => settle(() => resolve(true)), withinMs);
    const settle = (answer: () => void) => {
      clearTimeout(silent);
      connection.destroy();
      answer();
    };
    connection.on("end", () => settle(() => resolve(true)));
    connection.on("error", ({ message }) =>
      settle(() => {
        if (FORBIDDEN.test(message)) reject(new SshForwardingError(message));
        else if (/open failed: connect failed/.test(message)) resolve(false);
        else reject(new Error(message));
      }),
    );
  });
}

/** The host's sshd forbids connections to ports of the host. */
export class SshForwardingError extends Error {
  override readonly name = "SshForwardingError";
}
