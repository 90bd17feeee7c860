/** The window that Grafana chooses for a query: at least four times as long as two figures are apart. */
const WINDOW = "$__rate_interval";

/**
 * What Grafana replaces in a query: the names that somebody has chosen in a dashboard's lists. Whoever chooses all of them also
 * sees what has no name, such as requests with a wrong key.
 */
export const CHOSEN = { client: 'client=~"$client"', server: 'mcp_server=~"$server"' } as const;

/**
 * How much a counter grows in a second, series by series. `rate` does not see the number with which a series begins, and in a
 * gateway of few people most calls are the first of their kind since the ingress started. So a series that was not there at the
 * beginning of the window counts as a whole, unless its program did not answer then, when nobody knows whether it was there.
 */
const perSecond = (counter: string): string => {
  const began = `${counter} unless ${counter} offset ${WINDOW} and on (job, instance) up offset ${WINDOW} == 1`;
  return `((${began}) * 1000 / $__rate_interval_ms or rate(${counter}[${WINDOW}]))`;
};

export const perMinute = (counter: string, by: readonly string[]): string =>
  `60 * sum by (${by.join(", ")}) ${perSecond(counter)}`;

/**
 * The time, in seconds, that this share of all took at most.
 *
 * @param histogram Its name, without `_bucket`.
 * @param labels What is chosen of it, as in braces.
 */
export const quantile = (share: number, histogram: string, labels: string, by: readonly string[] = []): string =>
  `histogram_quantile(${share}, sum by (${[...by, "le"].join(", ")}) ${perSecond(`${histogram}_bucket{${labels}}`)})`;
