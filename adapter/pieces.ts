/** So many pieces become one: each costs a hundred bytes, however small it is. */
const AT_ONCE = 256;

/** Bytes that arrive in pieces of whatever size, and are wanted as one. */
export class Pieces {
  #joined: Buffer[] = [];
  #latest: Buffer[] = [];
  bytes = 0;

  add(piece: Buffer): void {
    this.bytes += piece.length;
    this.#latest.push(piece);
    if (this.#latest.length < AT_ONCE) return;
    this.#joined.push(Buffer.concat(this.#latest));
    this.#latest = [];
  }

  /** All of them; none is left. */
  take(): Buffer {
    const all = [...this.#joined, ...this.#latest];
    const { bytes } = this;
    this.#joined = [];
    this.#latest = [];
    this.bytes = 0;
    return all.length === 1 ? all[0]! : Buffer.concat(all, bytes);
  }
}
