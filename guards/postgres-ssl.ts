import net from "node:net";

const WITHIN_MS = 15_000;

/** The first message of the protocol: its length, and the number that stands for "encryption?". */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/**
 * Whether a Postgres server offers encryption. It says so before anybody logs in.
 *
 * @throws Error when it cannot be asked.
 */
export function offersSsl(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port, timeout: WITHIN_MS }, () => socket.write(SSL_REQUEST));
    const settle = (answer: () => void) => {
      socket.destroy();
      answer();
    };
    const fail = (message: string) => settle(() => reject(new Error(message)));
    let heard = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk]);
      // One letter, and nothing after it.
      if (heard.length === 1 && /[SN]/.test(heard.toString())) settle(() => resolve(heard.toString() === "S"));
    });
    socket.on("timeout", () => fail("it does not answer"));
    socket.on("error", ({ message }) => fail(message));
    socket.on("close", () => fail(errorOf(heard) ?? "what listens there is no Postgres server"));
  });
}

/** The text of an error in Postgres's own form, which the tunnel sends as well. */
function errorOf(message: Buffer): string | undefined {
  if (message.toString("latin1", 0, 1) !== "E") return undefined;
  const fields = message.subarray(5).toString("utf8").split("\0");
  return fields.find((field) => field.startsWith("M"))?.slice(1);
}
