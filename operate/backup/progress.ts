import { Transform } from "node:stream";
import pc from "picocolors";

/** How often the line on a terminal is written again. */
const EVERY_MS = 200;

export const size = (bytes: number): string =>
  bytes < 2 ** 20
    ? `${Math.ceil(bytes / 2 ** 10)} KiB`
    : bytes < 2 ** 30
      ? `${(bytes / 2 ** 20).toFixed(1)} MiB`
      : `${(bytes / 2 ** 30).toFixed(2)} GiB`;

/** One line for each step, on the error output: the other one is for JSON. */
export class Progress {
  readonly #what: string;
  #bytes = 0;
  #shownAt = 0;

  private constructor(what: string) {
    this.#what = what;
  }

  /** Shows a step until it ends; it gives what is said of it then. */
  static async step<T>(what: string, run: (progress: Progress) => Promise<readonly [T, string]>): Promise<T> {
    const progress = new Progress(what);
    progress.#show();
    const [result, said] = await run(progress).catch((error: Error) => {
      progress.#clear();
      throw error;
    });
    progress.#clear();
    console.error(`${pc.green("✔")} ${what}${said && pc.dim(`  ${said}`)}`);
    return result;
  }

  /** A stream that shows how much of it there was. */
  counter(): Transform {
    const count = (bytes: number) => {
      this.#bytes += bytes;
      if (Date.now() - this.#shownAt > EVERY_MS) this.#show();
    };
    return new Transform({
      transform(chunk: Buffer, _encoding, done) {
        count(chunk.length);
        done(null, chunk);
      },
    });
  }

  #show(): void {
    this.#shownAt = Date.now();
    if (process.stderr.isTTY)
      process.stderr.write(`\r\x1b[K→ ${this.#what}${this.#bytes ? pc.dim(`  ${size(this.#bytes)}`) : ""}`);
  }

  #clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}
