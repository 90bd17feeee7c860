/** What is gone already need not be removed. */
export const gone = (removed: Promise<unknown>): Promise<void> =>
  removed.then(
    () => {},
    (error: { statusCode?: number }) => {
      if (error.statusCode !== 404) throw error;
    },
  );
