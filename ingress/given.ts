import { createHash } from "node:crypto";
import { Transform } from "node:stream";
import { createParser } from "eventsource-parser";
import { isMap } from "../lib/is-map.ts";
import { Refusal } from "./refusal.ts";

type Json = Readonly<Record<string, unknown>>;

const MOST_IDS = 10_000;

/** Items of a conversation that are nothing without their id: the provider has the rest. */
const NEED_ID: readonly unknown[] = [
  "item_reference",
  "file_search_call",
  "computer_call",
  "image_generation_call",
  "code_interpreter_call",
  "local_shell_call_output",
  "program",
  "program_output",
];

/**
 * Which answers on /v1/responses each client was given, and which items were in them. The provider keeps them and
 * continues any whose id it is told; for it all clients are one, since they share its key. LiteLLM does not ask whose
 * an id is either.
 */
export class Given {
  readonly #most: number;
  /** Client → hashes of ids, since LiteLLM makes ids of many hundred characters; the latest last. */
  readonly #ids = new Map<string, Set<string>>();

  constructor(most = MOST_IDS) {
    this.#most = most;
  }

  /** @param sent An answer, or one event of its stream. */
  remember(client: string, sent: unknown): void {
    for (const id of idsIn(sent)) this.#add(client, hashOf(id));
  }

  /** @param text The same as JSON; what is none, such as the `[DONE]` of some streams, has no ids. */
  rememberText(client: string, text: string): void {
    let sent: unknown;
    try {
      sent = JSON.parse(text);
    } catch {
      return;
    }
    this.remember(client, sent);
  }

  #add(client: string, hash: string): void {
    const ids = this.#ids.get(client) ?? new Set<string>();
    this.#ids.set(client, ids);
    ids.delete(hash);
    ids.add(hash);
    const [oldest] = ids;
    if (ids.size > this.#most) ids.delete(oldest!);
  }

  #has(client: string, id: string): boolean {
    const hash = hashOf(id);
    const has = this.#ids.get(client)?.has(hash) ?? false;
    // What is used is kept the longest.
    if (has) this.#add(client, hash);
    return has;
  }

  /** The stream of an answer as it is; its ids are remembered before the client has them. */
  watch(client: string): Transform {
    const decoder = new TextDecoder();
    const parser = createParser({ onEvent: ({ data }) => this.rememberText(client, data) });
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) => {
        parser.feed(decoder.decode(chunk, { stream: true }));
        done(null, chunk);
      },
    });
  }

  /**
   * A body of /v1/responses that names nothing of another client's. An id that an item can do without is left out,
   * because clients send whole conversations, and those of before this program's start as well.
   *
   * @throws Refusal
   */
  own(client: string, body: Json): Json {
    const { previous_response_id: previous, input } = body;
    if (typeof previous === "string" && !this.#has(client, previous))
      throw new Refusal(
        400,
        "previous response not found",
        `previous_response_id: ${notGiven(client, "an answer")}; send the conversation's items as input`,
      );
    return Array.isArray(input)
      ? { ...body, input: input.map((item: Json, index) => this.#ownItem(client, item, index)) }
      : body;
  }

  #ownItem(client: string, item: Json, index: number): Json {
    const { id, ...rest } = item;
    if (typeof id !== "string" || this.#has(client, id)) return item;
    if (NEED_ID.includes(item["type"]))
      throw new Refusal(
        400,
        "item not found",
        `input[${index}].id: ${notGiven(client, "an item")}; leave the item out`,
      );
    return rest;
  }
}

const notGiven = (client: string, what: string) =>
  `since its last start this gateway has not given client ${client} ${what} with this id`;

const hashOf = (id: string) => createHash("sha256").update(id).digest("base64url").slice(0, 22);

function* idsIn(sent: unknown): Generator<string> {
  if (!isMap(sent)) return;
  const { id, call_id: call, response, item, output } = sent;
  if (typeof id === "string") yield id;
  // The id of a `local_shell_call_output` is that of the call.
  if (typeof call === "string") yield call;
  yield* idsIn(response);
  yield* idsIn(item);
  if (Array.isArray(output)) for (const each of output) yield* idsIn(each);
}
