import { createHash, randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, stat, unlink } from "node:fs/promises";
import path from "node:path";
import { Rate } from "../lib/limits.ts";
import { maskSensitive, maskText, type Sensitive } from "../lib/sensitive.ts";
import { log } from "./log.ts";

/** Limits of one kind of file. */
export interface Retention {
  readonly days: number;
  /** Bytes of all files of the kind together. */
  readonly bytes: number;
}

const DAY_MS = 86_400_000;
/** A file of this size is closed and the next begun: old lines are deleted by whole files. */
const FILE_BYTES = 16 * 2 ** 20;

interface OpenFile {
  readonly handle: FileHandle;
  readonly since: number;
  bytes: number;
}

/**
 * Lines of JSON in files `<kind>-<time>.jsonl` of one directory, which is on a volume.
 *
 * A line is on disk when `write` resolves, not merely handed to the kernel: it is there after the power fails. The file is
 * open with O_DSYNC, so that a write and its way to the disk are one visit to Node's threads; lines that come together
 * share one.
 */
export class LineFile {
  readonly #folder: string;
  readonly #kind: string;
  readonly #retention: Retention;
  readonly #fileBytes: number;
  #file: OpenFile | undefined;
  #waiting: {
    readonly text: string;
    readonly resolve: () => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #writing: Promise<void> | undefined;

  constructor(folder: string, kind: string, retention: Retention, fileBytes = FILE_BYTES) {
    this.#folder = folder;
    this.#kind = kind;
    this.#retention = retention;
    // Enough files that deleting the oldest loses only a small part of the history.
    this.#fileBytes = Math.min(fileBytes, Math.max(1, Math.floor(retention.bytes / 8)));
  }

  /**
   * Resolves when the line is on disk.
   *
   * @throws the error of the file system: then the line is not there.
   */
  write(line: Readonly<Record<string, unknown>>): Promise<void> {
    const text = `${JSON.stringify(line)}\n`;
    const written = new Promise<void>((resolve, reject) => this.#waiting.push({ text, resolve, reject }));
    this.#writing ??= this.#drain().finally(() => (this.#writing = undefined));
    return written;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.handle.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    // Lines that came while the file was written go out with the next write.
    while (this.#waiting.length) {
      const lines = this.#waiting.splice(0, this.#fitting());
      const bytes = Buffer.from(lines.map(({ text }) => text).join(""));
      try {
        const file = await this.#current(bytes.length);
        await file.handle.appendFile(bytes);
        file.bytes += bytes.length;
        for (const { resolve } of lines) resolve();
      } catch (error) {
        // The next line goes into a new file: this one may end in half a line.
        await this.#file?.handle.close().catch(() => {});
        this.#file = undefined;
        for (const { reject } of lines) reject(error);
      }
    }
  }

  /** How many of the waiting lines fit into the file, so that a flood makes no file larger than the others. */
  #fitting(): number {
    let bytes = 0;
    const tooMuch = this.#waiting.findIndex(({ text }) => (bytes += Buffer.byteLength(text)) > this.#fileBytes);
    return tooMuch < 0 ? this.#waiting.length : Math.max(1, tooMuch);
  }

  async #current(more: number): Promise<OpenFile> {
    const file = this.#file;
    if (file && file.bytes + more <= this.#fileBytes && Date.now() - file.since < DAY_MS) return file;
    await file?.handle.close();
    this.#file = undefined;
    await mkdir(this.#folder, { recursive: true });
    await this.#prune();
    const since = Date.now();
    const name = `${this.#kind}-${new Date(since).toISOString().replace(/[:.]/g, "-")}-${randomUUID().slice(0, 4)}.jsonl`;
    const handle = await open(
      path.join(this.#folder, name),
      constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_EXCL | constants.O_DSYNC,
      0o640,
    );
    this.#file = { handle, since, bytes: 0 };
    return this.#file;
  }

  /** Deletes the files that are too old, and then the oldest of the rest until there is room for one more. */
  async #prune(): Promise<void> {
    const names = (await readdir(this.#folder))
      .filter((name) => name.startsWith(`${this.#kind}-`) && name.endsWith(".jsonl"))
      .sort();
    const files = await Promise.all(
      names.map(async (name) => ({ name, ...(await stat(path.join(this.#folder, name))) })),
    );
    let total = files.reduce((sum, { size }) => sum + size, 0);
    for (const { name, size, mtimeMs } of files) {
      if (total + this.#fileBytes <= this.#retention.bytes && Date.now() - mtimeMs < this.#retention.days * DAY_MS)
        continue;
      await unlink(path.join(this.#folder, name));
      total -= size;
      log("audit file removed", { name, bytes: size });
    }
  }
}

/** Who sent the request; part of every line. */
export interface Caller {
  readonly client: string;
  /** IP address. */
  readonly address: string;
}

export interface AuditedCall extends Caller {
  readonly server: string;
  readonly tool: string;
  readonly arguments: unknown;
  /** The address that the call came by, such as `/mcp/`. */
  readonly route: string;
}

export type Outcome = "answered" | "failed" | "lost";

const MOST_ARGUMENT_BYTES = 4_096;
const MOST_REFUSED_BYTES = 256;
const MOST_RESULT_BYTES = 16_384;

/** The value itself; of a long one the beginning of its JSON, with its length in bytes and its SHA-256. */
export function cut(value: unknown, most: number): unknown {
  const text = JSON.stringify(value ?? null);
  const bytes = Buffer.byteLength(text);
  if (bytes <= most) return value ?? null;
  return {
    cut: Buffer.from(text).subarray(0, most).toString("utf8"),
    bytes,
    sha256: createHash("sha256").update(text).digest("hex"),
  };
}

export interface AuditOptions {
  readonly folder: string;
  readonly days: number;
  readonly bytes: number;
  /** What tools answered is in the lines as well. */
  readonly results: boolean;
  /** What is masked in arguments, answers and reasons. */
  readonly masked?: readonly Sensitive[];
  /**
   * Refused calls of one client that get a line of their own: so many after a quiet time, then so many a minute; the
   * rest are counted.
   */
  readonly refused?: { readonly atOnce: number; readonly perMinute: number };
  /** Called for each call of a tool with what came of it, for the metrics. */
  readonly counted?: (call: Pick<AuditedCall, "client" | "server" | "tool">, outcome: Outcome | "refused") => void;
}

/** The refusals of one client or address, for one reason, in this minute. */
interface Refusals {
  readonly who: Partial<Caller>;
  readonly reason: string;
  /** Those without a line of their own. */
  unwritten: number;
}

/**
 * The record of every tool call: a line on disk before the call goes out, a line with its outcome after it, joined by
 * `id`. Refusals are in files of their own, one by one up to a limit and counted beyond, so that no flood of them
 * pushes the calls out, nor the refusals of other clients within days.
 */
export class Audit {
  readonly #calls: LineFile;
  readonly #refused: LineFile;
  readonly #results: boolean;
  readonly #masked: readonly Sensitive[];
  readonly #refusedLimit: { readonly atOnce: number; readonly perMinute: number };
  readonly #refusedRate = new Rate();
  readonly #counted: AuditOptions["counted"];
  readonly #minute = new Map<string, Refusals>();
  #since = new Date();
  readonly #timer: NodeJS.Timeout;

  constructor(options: AuditOptions) {
    const { folder, days, bytes, results, masked = [], refused = { atOnce: 60, perMinute: 5 }, counted } = options;
    const refusedBytes = Math.floor(bytes / 8);
    this.#calls = new LineFile(folder, "calls", { days, bytes: bytes - refusedBytes });
    this.#refused = new LineFile(folder, "refused", { days, bytes: refusedBytes });
    this.#results = results;
    this.#masked = masked;
    this.#refusedLimit = refused;
    this.#counted = counted;
    this.#timer = setInterval(
      () => void this.#count().catch((error: Error) => log("refusals not written", { error: error.message })),
      60_000,
    );
    this.#timer.unref();
  }

  /**
   * @returns A function that writes the second line.
   * @throws when the first cannot be written: then the call must not go out.
   */
  async call(
    call: AuditedCall,
  ): Promise<(outcome: Outcome, more?: { readonly reason?: string; readonly result?: unknown }) => void> {
    const id = randomUUID();
    const started = performance.now();
    const { client, address, server, tool, route } = call;
    await this.#calls.write({
      audit: "call",
      id,
      time: now(),
      client,
      address,
      server,
      tool,
      arguments: this.#shown(call.arguments, MOST_ARGUMENT_BYTES),
      route,
    });
    return (outcome, { reason, result } = {}) => {
      this.#counted?.(call, outcome);
      const milliseconds = Math.round(performance.now() - started);
      const line = {
        audit: "outcome",
        id,
        time: now(),
        client,
        server,
        tool,
        outcome,
        ...(reason !== undefined && { reason: maskText(reason, this.#masked) }),
        milliseconds,
      };
      // The client does not wait for it: the call was made, and its answer is not held back for the disk.
      this.#calls
        .write(
          this.#results && result !== undefined ? { ...line, result: this.#shown(result, MOST_RESULT_BYTES) } : line,
        )
        .catch((error: Error) => log("outcome not written", { id, outcome, error: error.message }));
    };
  }

  /** A tool call that was refused. */
  refusedCall(refused: AuditedCall, reason: string): void {
    const { client, address, server, tool, route, ...call } = refused;
    this.#counted?.(refused, "refused");
    if (!this.#refusedRate.take(client, this.#refusedLimit.perMinute, this.#refusedLimit.atOnce)) {
      this.#entry({ client, address }, "tool call").unwritten += 1;
      return;
    }
    const line = {
      audit: "refused",
      id: randomUUID(),
      time: now(),
      client,
      address,
      server,
      tool,
      arguments: this.#shown(call.arguments, MOST_REFUSED_BYTES),
      route,
      reason,
    };
    this.#refused.write(line).catch((error: Error) => log("refusal not written", { error: error.message }));
  }

  /** Masked first: a hash of what was cut says of a short secret which it is. */
  #shown = (value: unknown, most: number) => cut(maskSensitive(value, this.#masked), most);

  /** Any other refused request, which is counted only: by client where the key was known, else by address. */
  refusedRequest(who: Partial<Caller>, reason: string): void {
    this.#entry(who, reason).unwritten += 1;
  }

  #entry(who: Partial<Caller>, reason: string): Refusals {
    const key = `${who.client ?? ""}\0${who.client === undefined ? who.address : ""}\0${reason}`;
    const found = this.#minute.get(key);
    if (found) return found;
    // Strangers from a thousand addresses are one line, not a thousand.
    const crowded = who.client === undefined && this.#minute.size >= 1_000;
    if (crowded) return this.#entry({ client: "(strangers)" }, reason);
    const entry = { unwritten: 0, who, reason };
    this.#minute.set(key, entry);
    return entry;
  }

  async #count(): Promise<void> {
    const since = this.#since.toISOString();
    this.#since = new Date();
    const entries = [...this.#minute.values()];
    this.#minute.clear();
    await Promise.all(
      entries.map(({ who, reason, unwritten }) =>
        this.#refused.write({ audit: "refusals", time: now(), since, ...who, reason, count: unwritten }),
      ),
    );
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#count();
    await this.#calls.close();
    await this.#refused.close();
  }
}

const now = () => new Date().toISOString();
