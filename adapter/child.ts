import { readFileSync } from "node:fs";
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { setTimeout as pause } from "node:timers/promises";
import { Rate } from "../lib/limits.ts";
import { Lines } from "./lines.ts";
import { type Link, type LinkEvents, UNREAD_BYTES } from "./link.ts";
import { log } from "./log.ts";
import { readMessage } from "./read-message.ts";

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Longest line that the server may write. */
  readonly lineBytes: number;
  /** How long it has to end when its stdin is closed, and again after SIGTERM. */
  readonly graceMs?: number;
}

/** What a process of the server that outlives it may still have to say. */
const LAST_WORDS_MS = 500;
const STDERR_LINE_BYTES = 2_048;
const STDERR_LINES_A_MINUTE = 600;

/** A stdio server as a process of ours, in a process group of its own: whatever it starts ends with it. */
export class Child implements Link {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #graceMs: number;
  readonly #ended: Promise<void>;

  constructor({ command, env, lineBytes, graceMs = 2_000 }: ChildOptions, events: LinkEvents) {
    this.#graceMs = graceMs;
    const [program = "", ...rest] = command;
    const child = (this.#process = spawn(program, rest, { env, detached: true, stdio: "pipe" }));
    child.stdout.on("data", (chunk: Buffer) => lines.feed(chunk));
    child.stderr.on("data", stderrLog());
    // A server that is gone is noticed by its exit; that nobody reads any more is then no news.
    child.stdin.on("error", () => {});

    const lines = new Lines(
      lineBytes,
      (line) => line.length && readMessage(line, events),
      (edges) => events.onUnreadable(`it has ${edges.bytes} bytes; at most ${lineBytes}`, edges.toString()),
    );

    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        resolve();
        events.onEnd(reason);
      };
      child.on("error", (error) => child.pid === undefined && end(`it cannot be started: ${error.message}`));
      child.once("exit", (code, signal) => {
        const reason = signal ? `it was ended by ${signal}` : `it ended with exit code ${code}`;
        const closed = new Promise((done) => child.once("close", done));
        void Promise.race([closed, pause(LAST_WORDS_MS)]).then(() => {
          this.#signal("SIGKILL");
          for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
          end(reason);
        });
      });
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  send(message: object): boolean {
    const { stdin } = this.#process;
    if (!stdin.writable || stdin.writableLength > UNREAD_BYTES) return false;
    stdin.write(`${JSON.stringify(message)}\n`);
    return true;
  }

  /** Whether its process was stopped by a signal (SIGSTOP), which only another signal undoes. */
  isHalted(): boolean {
    try {
      // After the name, which is in brackets and may have anything in it: the state.
      const status = readFileSync(`/proc/${this.#process.pid}/stat`, "utf8");
      return status.slice(status.lastIndexOf(")") + 2).startsWith("T");
    } catch {
      // It has ended, which is noticed otherwise, or this is no Linux.
      return false;
    }
  }

  async stop(): Promise<void> {
    this.#process.stdin.end();
    if (await this.#endsInTime()) return;
    this.#signal("SIGTERM");
    if (await this.#endsInTime()) return;
    this.#signal("SIGKILL");
    await this.#ended;
  }

  #endsInTime(): Promise<boolean> {
    return Promise.race([this.#ended.then(() => true), pause(this.#graceMs, false)]);
  }

  #signal(signal: NodeJS.Signals): void {
    try {
      // The whole group: a server may have started others.
      if (this.#process.pid !== undefined) process.kill(-this.#process.pid, signal);
    } catch {
      // Nobody is left, or nobody that this program may end.
    }
  }
}

/** The server's stderr goes to the log, as much of it as somebody could read. */
function stderrLog(): (chunk: Buffer) => void {
  const rate = new Rate();
  let dropped = 0;
  const write = (line: Buffer, bytes: number) => {
    if (!rate.take("stderr", STDERR_LINES_A_MINUTE, STDERR_LINES_A_MINUTE / 6)) {
      dropped += 1;
      return;
    }
    log("stderr", {
      text: line.toString().trimEnd(),
      ...(bytes > line.length && { bytes }),
      ...(dropped && { linesLeftOutBefore: dropped }),
    });
    dropped = 0;
  };
  const lines = new Lines(
    STDERR_LINE_BYTES,
    (line) => line.length && write(line, line.length),
    ({ head, bytes }) => write(head, bytes),
  );
  return (chunk) => lines.feed(chunk);
}
