import { randomInt } from "node:crypto";
import { once } from "node:events";
import net from "node:net";

/** Below those that the kernel gives to whoever asks for any: one of these may be another program's when the test gets to it. */
const PORTS = { from: 10_000, to: 13_000 } as const;

/** A port of loopback that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORTS.from, PORTS.to);
    const server = net.createServer().listen(port, "127.0.0.1");
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, "close");
    return port;
  }
}
