import { readdirSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { execa } from "execa";
import type { Workspace } from "../e2e/workspace.ts";

/** A line that a run has printed, and how long after its begin. */
export interface Line {
  readonly text: string;
  readonly ms: number;
}

/** `npm run up` with all that it starts, which can be killed at once. */
export interface Run {
  readonly lines: readonly Line[];
  readonly ms: () => number;
  /** Undefined while it runs and after it was killed. */
  readonly exitCode: () => number | undefined;
  /** Resolves when it has ended, however that was. */
  readonly ended: Promise<void>;
  /** SIGKILL to npm, this program, Pulumi, its providers and whatever else they have started. */
  readonly kill: () => Promise<void>;
}

export function startUp({ root, env, stack }: Workspace): Run {
  const began = Date.now();
  const lines: Line[] = [];
  // A session of its own: Pulumi puts its plug-ins into other process groups, and they stay in it.
  const child = execa("npm", ["run", "up", "--", "--stack", stack, "--yes"], {
    ...{ cwd: root, env, reject: false, all: true, stdin: "ignore", detached: true, buffer: false },
  });
  createInterface({ input: child.all }).on("line", (text) => lines.push({ text, ms: Date.now() - began }));
  const ended = child.then(() => {});
  return {
    lines,
    ms: () => Date.now() - began,
    exitCode: () => child.exitCode ?? undefined,
    ended,
    kill: async () => {
      for (let of = processesOf(child.pid!); of.length; of = processesOf(child.pid!)) for (const pid of of) killed(pid);
      await ended;
    },
  };
}

/** Those of a session that live. */
function processesOf(session: number): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      // pid (name) state parent group session …; a name may have spaces and brackets.
      const [state, , , own] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
      return Number(own) === session && state !== "Z";
    } catch {
      // It has ended since the folder was read.
      return false;
    }
  });
}

function killed(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** A point of a run: so long after it has printed a line. */
export interface Moment {
  /** Of the line, among those of the whole run. */
  readonly at: number;
  readonly plusMs: number;
  readonly name: string;
}

/** How a run goes that nobody kills. */
export class Course {
  readonly lines: readonly Line[];
  readonly ms: number;
  /** Where a line is printed first. */
  readonly #places = new Map<string, number>();

  constructor({ lines, ms }: Run) {
    this.ms = ms();
    this.lines = lines.filter(({ text }) => text.trim() && !this.#places.has(alike(text)) && this.#place(text));
  }

  #place(text: string): boolean {
    this.#places.set(alike(text), this.#places.size);
    return true;
  }

  /** So many moments in the order of the run: half of them as far apart in time, half as far apart in lines. */
  moments(count: number): Moment[] {
    const [byTime, byLine] = [Math.ceil(count / 2), Math.floor(count / 2)];
    const parts = (parts: number, whole: number) =>
      Array.from({ length: parts }, (_, part) => ((part + 0.5) / parts) * whole);
    const timely = parts(byTime, this.ms).map((ms) => {
      const at = this.lines.filter((line) => line.ms <= ms).length - 1;
      return this.#moment(Math.max(at, 0), Math.max(0, Math.round(ms - (this.lines[at]?.ms ?? 0))));
    });
    const lined = parts(byLine, this.lines.length).map((at) => this.#moment(Math.floor(at), 0));
    const when = ({ at, plusMs }: Moment) => this.lines[at]!.ms + plusMs;
    return [...timely, ...lined].sort((one, other) => when(one) - when(other));
  }

  #moment(at: number, plusMs: number): Moment {
    const text = this.lines[at]!.text.trim().replaceAll(/\s+/g, " ");
    return { at, plusMs, name: `${(plusMs / 1000).toFixed(1)} s after "${text.slice(0, 100)}"` };
  }

  /**
   * Whether another run has come to a moment of this one, or past it. What an earlier run has made it does not print, so each
   * later line counts as well.
   */
  isReached({ at, plusMs }: Moment, { lines, ms }: Run): boolean {
    return lines.some(({ text, ms: printed }) => {
      const place = this.#places.get(alike(text));
      return place !== undefined && (place > at || (place === at && ms() - printed >= plusMs));
    });
  }
}

/** A line without what differs from run to run. */
const alike = (text: string) =>
  text
    .replaceAll(/\d+(\.\d+)?/g, "#")
    .replaceAll(/\.{2,}|\s+/g, " ")
    .trim();
