import type { AlertPost } from "./alerts.ts";

const TIMEOUT_MS = 10_000;

/** Where alerts go. */
export interface AlertAddress {
  readonly url: string;
  readonly header: { readonly name: string; readonly value: string } | undefined;
}

/** @returns Why it was not taken; undefined: it was. */
export async function post({ url, header }: AlertAddress, body: AlertPost): Promise<string | undefined> {
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", ...(header && { [header.name]: header.value }) },
      body: JSON.stringify(body),
      // A header with a secret goes where the settings say, and nowhere else.
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (answer.ok) return undefined;
    return `${url} answers HTTP ${answer.status}: ${(await answer.text()).slice(0, 200)}`;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url} does not answer: ${cause instanceof Error ? cause.message || String(cause) : message}`;
  }
}
