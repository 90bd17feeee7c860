/** Limits the bytes of all answers that are arriving at once. */
export class Room {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns how one of them tells what it has now; false: there is no room for so much. */
  share(): (bytes: number) => boolean {
    let own = 0;
    return (bytes) => {
      this.#taken += bytes - own;
      own = bytes;
      return this.#taken <= this.#most;
    };
  }
}
