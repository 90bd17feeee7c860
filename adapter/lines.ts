import { Pieces } from "./pieces.ts";

/** What is kept of either end of a line that is too long: in an answer, the id is at one of them. */
const EDGE_BYTES = 512;
const NEWLINE = 0x0a;

/** Both ends of something that is too long to be kept. */
export class Edges {
  head: Buffer;
  tail: Buffer;
  bytes: number;

  constructor(start: Buffer) {
    this.bytes = start.length;
    this.head = Buffer.from(start.subarray(0, EDGE_BYTES));
    this.tail = lastOf(start.subarray(EDGE_BYTES));
  }

  add(part: Buffer, bytes = part.length): void {
    this.bytes += bytes;
    this.tail = lastOf(part.length < EDGE_BYTES ? Buffer.concat([this.tail, part]) : part);
  }

  toString(): string {
    return `${this.head.toString()}\n${this.tail.toString()}`;
  }
}

/** Takes a stream apart into lines without ever holding more of it than one line of `most` bytes. */
export class Lines {
  readonly #most: number;
  readonly #onLine: (line: Buffer) => void;
  readonly #onLong: (edges: Edges) => void;
  readonly #pieces = new Pieces();
  #edges: Edges | undefined;

  constructor(most: number, onLine: (line: Buffer) => void, onLong: (edges: Edges) => void) {
    this.#most = most;
    this.#onLine = onLine;
    this.#onLong = onLong;
  }

  /** Whether the line that is arriving is longer than a line may be. */
  get isTooLong(): boolean {
    return this.#edges !== undefined;
  }

  /** What is held of the line that is arriving. */
  get bytes(): number {
    return this.#pieces.bytes;
  }

  feed(chunk: Buffer): void {
    let from = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, from)) >= 0; from = end + 1) {
      this.#add(chunk.subarray(from, end));
      this.#end();
    }
    if (from < chunk.length) this.#add(chunk.subarray(from));
  }

  #add(part: Buffer): void {
    if (this.#edges) return this.#edges.add(part);
    this.#pieces.add(part);
    if (this.#pieces.bytes > this.#most) this.#edges = new Edges(this.#pieces.take());
  }

  #end(): void {
    const edges = this.#edges;
    this.#edges = undefined;
    if (edges) this.#onLong(edges);
    else this.#onLine(this.#pieces.take());
  }
}

/** A copy: a view would keep the whole chunk in memory. */
const lastOf = (bytes: Buffer) => Buffer.from(bytes.subarray(-EDGE_BYTES));
