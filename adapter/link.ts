/** A connection to an MCP server. It carries messages, and understands none. */
export interface Link {
  /** @returns false when the server does not read what it is sent, and enough of that waits already. */
  send(message: object): boolean;
  /** Whether the server cannot be busy with anything, because it is not allowed to run at all. */
  isHalted?(): boolean;
  /** Tells which revision of the protocol both sides speak from now on. */
  agreed?(protocolVersion: string): void;
  /** Ends it in order, and if need be not. */
  stop(): Promise<void>;
}

export interface LinkEvents {
  readonly onMessage: (message: unknown) => void;
  /** Something too large, or no JSON, in place of a message: why, and both its ends as text. */
  readonly onUnreadable: (why: string, edges: string) => void;
  /** The request of this id gets no answer, while others may: what the server did, after its name. */
  readonly onLost: (id: number, reason: Lost, what: string) => void;
  /** The server may be another by now, with other tools or without this session: what it lists says so. */
  readonly onDoubt: () => void;
  /** Once, when nothing comes any more. */
  readonly onEnd: (reason: string) => void;
}

/** Why one request gets no answer; as `Failed` of requests.ts has it. */
export type Lost = "away" | "died" | "refused" | "too_large";

export type Connect = (events: LinkEvents) => Link;

/** So much may wait for a server that does not read. */
export const UNREAD_BYTES = 16 * 2 ** 20;
