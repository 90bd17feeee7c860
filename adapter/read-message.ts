import { BadJson, parseBody } from "../lib/json.ts";
import { Edges } from "./lines.ts";
import type { LinkEvents } from "./link.ts";

/** Gives on what a server wrote as one message. */
export function readMessage(bytes: Buffer, events: Pick<LinkEvents, "onMessage" | "onUnreadable">): void {
  let message: unknown;
  try {
    message = parseBody(bytes);
  } catch (error) {
    if (!(error instanceof BadJson)) throw error;
    // Both ends, not the whole as text: it may be 16 MiB.
    return events.onUnreadable(error.message, new Edges(bytes).toString());
  }
  events.onMessage(message);
}
