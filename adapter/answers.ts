import type { IncomingMessage } from "node:http";
import { EventStream } from "./event-stream.ts";
import type { Edges } from "./lines.ts";
import { Pieces } from "./pieces.ts";
import type { Room } from "./room.ts";

export class TooLarge extends Error {}

const tooLarge = (most: number) => new TooLarge(`it has more than ${most} bytes`);

/** How much of an answer may be held: of it alone, and together with all others. */
export interface Limits {
  readonly most: number;
  readonly room: Room;
}

/**
 * A body that has an end. What is beyond the limits is not read.
 *
 * @throws TooLarge, and Error when it breaks off
 */
export async function readBody(response: IncomingMessage, { most, room }: Limits): Promise<Buffer> {
  const pieces = new Pieces();
  const holds = room.share();
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      pieces.add(chunk);
      if (pieces.bytes > most) throw tooLarge(most);
      if (!holds(pieces.bytes)) throw new TooLarge("there were too many large ones at once");
    }
    return pieces.take();
  } finally {
    holds(0);
  }
}

/**
 * Reads events until there are no more. What is beyond the limits is not read.
 *
 * @throws TooLarge, and Error when they break off
 */
export async function readEvents(
  response: IncomingMessage,
  { most, room }: Limits,
  onEvent: (name: string, data: Buffer) => void,
): Promise<void> {
  const holds = room.share();
  const refuse = () => {
    throw tooLarge(most);
  };
  const events = new EventStream(most, onEvent, refuse);
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      events.feed(chunk);
      if (events.isTooLong) refuse();
      if (!holds(events.bytes)) throw new TooLarge("there were too many large ones at once");
    }
  } finally {
    holds(0);
  }
}

/** Events of a stream that many share: one that is too large is told of when it ends, and those after it are read. */
export async function readAllEvents(
  response: IncomingMessage,
  most: number,
  onEvent: (name: string, data: Buffer) => void,
  onLong: (edges: Edges) => void,
): Promise<void> {
  const events = new EventStream(most, onEvent, onLong);
  for await (const chunk of response as AsyncIterable<Buffer>) events.feed(chunk);
}

/** What kind of body it is; of one that is compressed, nothing that is read here. */
export function kindOf({ headers }: IncomingMessage): "json" | "events" | "other" {
  if (!/^(identity)?$/i.test(headers["content-encoding"] ?? "")) return "other";
  const [type = ""] = (headers["content-type"] ?? "").split(";");
  const kinds: Record<string, "json" | "events"> = { "application/json": "json", "text/event-stream": "events" };
  return kinds[type.trim().toLowerCase()] ?? "other";
}
