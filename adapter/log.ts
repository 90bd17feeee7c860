import { withoutSecrets } from "./secrets.ts";

/** One line of JSON for `docker logs`. Never a token, an argument or an answer. */
export function log(event: string, more: Readonly<Record<string, unknown>> = {}): void {
  const line = JSON.stringify({ time: new Date().toISOString(), source: "adapter", event, ...more });
  process.stdout.write(`${withoutSecrets(line)}\n`);
}
