import { createHash } from "node:crypto";
import type { AlertPost } from "./alerts.ts";

const TIMEOUT_MS = 10_000;
/** Characters of what a receiver answers. */
const MOST_SAID = 200;

/** Where alerts go. */
export interface AlertAddress {
  readonly url: string;
  readonly header: { readonly name: string; readonly value: string } | undefined;
}

/** The same for the same receiver with the same header alone: a token that is wrong is found when it is new as well. */
export const identityOf = ({ url, header }: AlertAddress): string =>
  header ? `${url} ${createHash("sha256").update(`${url} ${header.name}: ${header.value}`).digest("hex")}` : url;

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
    if (!answer.ok) return `${url} answers HTTP ${answer.status}: ${await beginning(answer)}`;
    await answer.body?.cancel();
    return undefined;
  } catch (error) {
    const { message, cause } = error as Error;
    return `${url} does not answer: ${cause instanceof Error ? cause.message || String(cause) : message}`;
  }
}

/** Of an answer as long as it likes: the rest is not read, and its connection does not stay. */
async function beginning({ body }: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length >= MOST_SAID) break;
  }
  return text.slice(0, MOST_SAID);
}
