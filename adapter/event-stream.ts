import { Edges, Lines } from "./lines.ts";
import { Pieces } from "./pieces.ts";

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;
const NEWLINE = Buffer.from("\n");
const DATA = "data";
/** `data:` and the space after it. */
const FIELD_BYTES = DATA.length + 2;
const LONGEST_NAME = 64;

/** Takes a stream of server-sent events apart without ever holding more of it than one event of `most` bytes. */
export class EventStream {
  readonly #most: number;
  readonly #onEvent: (name: string, data: Buffer) => void;
  readonly #onLong: (edges: Edges) => void;
  readonly #lines: Lines;
  readonly #data = new Pieces();
  #hasData = false;
  #edges: Edges | undefined;
  #name = "";
  #endedWithCr = false;

  constructor(most: number, onEvent: (name: string, data: Buffer) => void, onLong: (edges: Edges) => void) {
    this.#most = most;
    this.#onEvent = onEvent;
    this.#onLong = onLong;
    this.#lines = new Lines(
      most + FIELD_BYTES,
      (line) => this.#line(line),
      (edges) => this.#longLine(edges),
    );
  }

  /** Whether the event that is arriving is longer than an event may be. */
  get isTooLong(): boolean {
    return this.#edges !== undefined || this.#lines.isTooLong;
  }

  /** What is held of the event that is arriving. */
  get bytes(): number {
    return this.#data.bytes + this.#lines.bytes;
  }

  feed(chunk: Buffer): void {
    this.#lines.feed(this.#withLf(chunk));
  }

  /** Lines may end with CR, with LF, or with both. */
  #withLf(chunk: Buffer): Buffer {
    const from = this.#endedWithCr && chunk[0] === LF ? 1 : 0;
    this.#endedWithCr = chunk.at(-1) === CR;
    if (!chunk.includes(CR)) return chunk.subarray(from);
    const made = Buffer.allocUnsafe(chunk.length);
    let length = 0;
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (byte === CR) made[length++] = LF;
      else if (byte !== LF || chunk[at - 1] !== CR) made[length++] = byte;
    }
    return made.subarray(0, length);
  }

  #line(line: Buffer): void {
    if (line.length === 0) return this.#dispatch();
    const { field, value } = fieldOf(line);
    if (field === DATA) this.#add(value);
    else if (field === "event") this.#name = value.toString("utf8", 0, LONGEST_NAME);
  }

  /** It alone is more than an event may have. */
  #longLine(edges: Edges): void {
    const { field, value } = fieldOf(edges.head);
    if (field !== DATA) return;
    this.#add(value);
    this.#edges ??= new Edges(this.#data.take());
    this.#edges.add(edges.tail, edges.bytes - edges.head.length);
  }

  #add(value: Buffer): void {
    for (const part of this.#hasData ? [NEWLINE, value] : [value])
      if (this.#edges) this.#edges.add(part);
      else this.#data.add(part);
    this.#hasData = true;
    if (this.#data.bytes > this.#most) this.#edges = new Edges(this.#data.take());
  }

  #dispatch(): void {
    const [name, edges, hasData] = [this.#name || "message", this.#edges, this.#hasData];
    this.#name = "";
    this.#edges = undefined;
    this.#hasData = false;
    if (edges) this.#onLong(edges);
    else if (hasData) this.#onEvent(name, this.#data.take());
  }
}

function fieldOf(line: Buffer): { readonly field: string; readonly value: Buffer } {
  const colon = line.indexOf(COLON);
  if (colon < 0) return { field: line.toString("latin1", 0, LONGEST_NAME), value: line.subarray(line.length) };
  const value = line.subarray(colon + (line[colon + 1] === SPACE ? 2 : 1));
  return { field: line.toString("latin1", 0, Math.min(colon, LONGEST_NAME)), value };
}
