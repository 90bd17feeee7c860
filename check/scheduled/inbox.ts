import type { Said } from "./prometheus.ts";

/** What was said since somebody looked; of each alert the last. There are as many as alerts of servers, however often they are said. */
export class Inbox {
  readonly #said = new Map<string, Said>();
  #wake = (): void => {};

  put(said: readonly Said[]): void {
    for (const one of said) this.#said.set(one.of, one);
    if (this.#said.size) this.#wake();
  }

  take(): Said[] {
    const said = [...this.#said.values()];
    this.#said.clear();
    return said;
  }

  /** Until something is said, or so many ms. */
  async wait(ms: number): Promise<void> {
    if (this.#said.size) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = () => {};
  }
}
