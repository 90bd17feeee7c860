/** Shorter ones would be found in words that are none, such as `Bearer`. */
const SHORTEST = 8;
const secrets = new Set<string>();

/** From now on this text, and what it is made of, is in no line of the log and in no reason why a server is away. */
export function keepSecret(text: string): void {
  const [scheme, credentials] = text.split(" ");
  const login = scheme?.toLowerCase() === "basic" ? Buffer.from(credentials ?? "", "base64").toString() : "";
  for (const part of [text, ...text.split(/[\s,;=]+/), login, login.slice(login.indexOf(":") + 1)]) {
    if (part.length < SHORTEST) continue;
    secrets.add(part);
    // As a line of JSON has it.
    secrets.add(JSON.stringify(part).slice(1, -1));
  }
}

export function withoutSecrets(text: string): string {
  let shown = text;
  for (const secret of secrets) shown = shown.replaceAll(secret, "[secret]");
  return shown;
}
