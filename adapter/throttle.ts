/** `act` at most once in `everyMs`; what is asked for in between is done once, at the end of that time. */
export function throttle(act: () => void, everyMs: number): () => void {
  let last = -Infinity;
  let waiting: NodeJS.Timeout | undefined;
  return () => {
    waiting ??= setTimeout(
      () => {
        waiting = undefined;
        last = performance.now();
        act();
      },
      Math.max(0, last + everyMs - performance.now()),
    ).unref();
  };
}
