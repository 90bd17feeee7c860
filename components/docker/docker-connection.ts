import Docker from "dockerode";
import { type DockerEndpoint, SshAgent } from "./ssh-connection.ts";

export type { DockerEndpoint };

/** Over ssh each question is a connection of its own, and sshd takes ten unanswered ones. */
export const QUESTIONS_AT_ONCE = 4;

/** A dockerode client for the endpoint. Opens no connection by itself. */
export function connectDocker(endpoint: DockerEndpoint): Docker {
  const url = new URL(endpoint.host);
  switch (url.protocol) {
    case "unix:":
      return new Docker({ socketPath: url.pathname });
    case "ssh:":
      // docker-modem honours `agent`; its type declarations leave it out.
      return new Docker({
        protocol: "http",
        host: url.hostname,
        port: 80,
        agent: new SshAgent(endpoint, { command: "docker system dial-stdio" }),
      } as Docker.DockerOptions);
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
  for (let at = 0; at + 8 <= raw.length;) {
    const size = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + size));
    at += 8 + size;
  }
  return Buffer.concat(parts).toString("utf8");
}

/** The same of a stream, as fast as it is read: `docker-modem` would keep in memory what nobody has taken yet. */
export async function* framesOf(
  stream: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly isError: boolean; readonly bytes: Buffer }> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + 8 <= rest.length && at + 8 + rest.readUInt32BE(at + 4) <= rest.length) {
      const end = at + 8 + rest.readUInt32BE(at + 4);
      yield { isError: rest.readUInt8(at) === 2, bytes: rest.subarray(at + 8, end) };
      at = end;
    }
    rest = rest.subarray(at);
  }
  if (rest.length) throw new Error("the connection to the daemon ended in the middle of what a command printed");
}
