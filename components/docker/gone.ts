/** Undefined for what the daemon does not know. */
export const known = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: Error & { statusCode?: number }) => {
    if (error.statusCode !== 404) throw error;
    return undefined;
  });

/** What is gone already need not be removed. */
export const gone = (removed: Promise<unknown>): Promise<void> => known(removed).then(() => {});
