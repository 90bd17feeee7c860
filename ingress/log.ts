/** One line of JSON for `docker logs`. Never a key, a body or a header. */
export function log(event: string, more: Readonly<Record<string, unknown>> = {}): void {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), source: "ingress", event, ...more })}\n`);
}
