import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { Rate } from "../lib/limits.ts";
import { lostDatabase } from "./lost-database.ts";
import { log } from "./log.ts";
import {
  answerTo,
  failedCall,
  type Id,
  INTERNAL_ERROR,
  INVALID_PARAMS,
  INVALID_REQUEST,
  isId,
  isJson,
  type Json,
  METHOD_NOT_FOUND,
  notification,
  type Outcome,
  without,
} from "./messages.ts";
import type { Metrics } from "./metrics.ts";
import { type Asked, Failed } from "./requests.ts";
import { throttle } from "./throttle.ts";
import type { Upstream } from "./upstream.ts";

export interface SessionOptions {
  readonly upstream: Upstream;
  readonly metrics: Metrics;
  /** How long a request may take, by tool where that is written. */
  readonly callSeconds: number;
  readonly toolSeconds: Readonly<Record<string, number>>;
  /** Where the server asks for pages through the adapter: what was refused meanwhile, of what is named in a text. */
  readonly refusedSince?: ((since: number, about: string) => readonly string[]) | undefined;
}

/** Over streamable HTTP each request has a stream of its own. */
type ClientTransport = Transport & { readonly closeSSEStream?: (id: Id) => void };

const LEVELS = ["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"];
const CHANGES_APART_MS = 1_000;
const SERVER_LOG_A_MINUTE = 3_000;
const REFUSALS_LOGGED_A_MINUTE = 60;

/** All sessions of clients, and what the one server says to them. */
export class Sessions {
  readonly options: SessionOptions;
  readonly #open = new Set<Session>();
  readonly #changed = new Map<string, () => void>();
  readonly #rate = new Rate();

  constructor(options: SessionOptions) {
    this.options = options;
    options.upstream.events = {
      onNotification: (method, params) => this.#serverSays(method, params ?? {}),
      onToolsChanged: () => this.#announce("notifications/tools/list_changed"),
      onUp: () => this.#restore(),
    };
  }

  get count(): number {
    return this.#open.size;
  }

  add(transport: ClientTransport): Session {
    const session = new Session(transport, this);
    this.#open.add(session);
    return session;
  }

  remove(session: Session): void {
    this.#open.delete(session);
    for (const uri of session.subscriptions) this.unsubscribe(uri);
  }

  isSubscribed(uri: string): boolean {
    return [...this.#open].some(({ subscriptions }) => subscriptions.has(uri));
  }

  /** The server is told when nobody wants to hear of `uri` any more. */
  unsubscribe(uri: string): void {
    if (!this.isSubscribed(uri)) this.#tell("resources/unsubscribe", { uri });
  }

  /** The level with which each session gets what it asked for; it passes on only what is its own. */
  get level(): string | undefined {
    const levels = [...this.#open].flatMap(({ level }) => (level === undefined ? [] : [LEVELS.indexOf(level)]));
    return LEVELS[Math.min(...levels)];
  }

  /** Whether one more remark about refused calls fits into the log. */
  mayLog(what: string): boolean {
    return this.#rate.take(what, REFUSALS_LOGGED_A_MINUTE);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((session) => session.close()));
  }

  #restore(): void {
    for (const uri of new Set([...this.#open].flatMap(({ subscriptions }) => [...subscriptions])))
      this.#tell("resources/subscribe", { uri });
    if (this.level !== undefined) this.#tell("logging/setLevel", { level: this.level });
  }

  /** A request of the adapter's own, of whose answer nobody would know what to do with it. */
  #tell(method: string, params: Json): void {
    const { upstream, callSeconds } = this.options;
    if (upstream.state === "up")
      upstream.ask({ method, params, seconds: callSeconds, own: true }).outcome.catch(() => {});
  }

  #announce(method: string): void {
    let tell = this.#changed.get(method);
    if (!tell) {
      tell = throttle(
        () => this.#open.forEach((session) => session.isGreeted && session.notify(method)),
        CHANGES_APART_MS,
      );
      this.#changed.set(method, tell);
    }
    tell();
  }

  #serverSays(method: string, params: Json): void {
    switch (method) {
      case "notifications/prompts/list_changed":
      case "notifications/resources/list_changed":
        return this.#announce(method);
      case "notifications/resources/updated":
        return this.#open.forEach((session) => {
          if (session.subscriptions.has(String(params.uri))) session.notify(method, params);
        });
      case "notifications/message": {
        if (!this.#rate.take("server's log", SERVER_LOG_A_MINUTE)) return;
        const level = LEVELS.indexOf(String(params.level));
        // Nothing says which request it is about, and it may quote one: without having asked for the log, only a client that is alone gets it.
        const busy = [...this.#open].filter((session) => session.isBusy);
        for (const session of this.#open)
          if (
            session.level !== undefined ? level >= LEVELS.indexOf(session.level) : busy.length === 1 && session.isBusy
          )
            session.notify(method, params);
        return;
      }
      default:
      // To whom of many it is, nobody could say; requests of the server that it would be about were refused.
    }
  }
}

/** One client's session, over whichever transport. */
export class Session {
  readonly #transport: ClientTransport;
  readonly #sessions: Sessions;
  readonly #running = new Map<Id, Asked>();
  readonly subscriptions = new Set<string>();
  level: string | undefined;
  /** Before, a client expects nothing but the answer to its greeting. */
  isGreeted = false;
  #closed = false;

  constructor(transport: ClientTransport, sessions: Sessions) {
    this.#transport = transport;
    this.#sessions = sessions;
    transport.onmessage = (message) => void this.#receive(message);
    transport.onclose = () => this.#end();
  }

  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  notify(method: string, params?: Json, relatedRequestId?: Id): void {
    // What is about no request goes with the only one, if there is one: a client over HTTP may listen nowhere else.
    const related = relatedRequestId ?? (this.#running.size === 1 ? [...this.#running.keys()][0] : undefined);
    this.#send(notification(method, params), related);
  }

  async close(): Promise<void> {
    await this.#transport.close();
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const asked of this.#running.values()) asked.cancel("the client is gone");
    this.#sessions.remove(this);
  }

  #send(message: ReturnType<typeof notification>, relatedRequestId?: Id): void {
    if (this.#closed) return;
    // A client that hung up just now is no failure.
    this.#transport.send(message, { relatedRequestId }).catch(() => {});
  }

  async #receive({ id, method, params }: Json): Promise<void> {
    if (typeof method !== "string") return;
    const sent = isJson(params) ? params : undefined;
    if (!isId(id)) {
      if (method === "notifications/cancelled") this.#cancel(sent?.requestId, sent?.reason);
      return;
    }
    const ended = this.#sessions.options.metrics.begin();
    const outcome = await this.#answer(id, method, sent).catch((error: Error) => {
      if (!(error instanceof Failed)) log("not answered", { method, error: error.message });
      return error instanceof Failed ? error : new Failed("died", "the adapter failed; its log has more");
    });
    const tool = method === "tools/call" && this.#sessions.options.upstream.catalogue.names.has(String(sent?.name));
    ended({ method, tool: tool ? String(sent?.name) : "", failure: outcome instanceof Failed ? outcome.reason : "" });
    if (!(outcome instanceof Failed)) this.#send(answerTo(id, outcome));
    // To a cancelled request there must be no answer, says the specification.
    else if (outcome.reason !== "cancelled") {
      const error = { code: INTERNAL_ERROR, message: outcome.message };
      this.#send(answerTo(id, method === "tools/call" ? failedCall(outcome.message) : { error }));
    }
  }

  async #answer(id: Id, method: string, params: Json | undefined): Promise<Outcome> {
    const { upstream, callSeconds, toolSeconds } = this.#sessions.options;
    switch (method) {
      case "initialize":
        return { result: this.#initialize(params?.protocolVersion) };
      case "ping":
        return { result: {} };
      case "tools/list":
        if (params?.cursor !== undefined) return { error: { code: INVALID_PARAMS, message: "no such page" } };
        return { result: { tools: upstream.catalogue.tools } };
      case "tools/call": {
        const name = String(params?.name);
        const refusal = upstream.refusal(name);
        if (refusal !== undefined) {
          if (this.#sessions.mayLog("refused")) log("refused", { tool: name.slice(0, 128), reason: refusal });
          return failedCall(refusal);
        }
        // A task would outlive its session, and others could ask for it.
        const once = without(params ?? {}, "task");
        const seconds = Object.hasOwn(toolSeconds, name) ? toolSeconds[name]! : callSeconds;
        const began = performance.now();
        const outcome = this.#explained(await this.#forward(id, method, once, seconds), once, began);
        // LiteLLM 1.77.3 makes HTTP 500 of an error of the protocol, loses its text, and then answers nobody until it is started again.
        return "error" in outcome ? failedCall(outcome.error.message) : outcome;
      }
      case "logging/setLevel":
        if (!LEVELS.includes(String(params?.level)))
          return { error: { code: INVALID_PARAMS, message: `a level: ${LEVELS.join(", ")}` } };
        this.level = String(params?.level);
        return this.#forward(id, method, { ...params, level: this.#sessions.level }, callSeconds);
      case "resources/subscribe":
        this.subscriptions.add(String(params?.uri));
        return this.#forward(id, method, params, callSeconds);
      case "resources/unsubscribe":
        if (this.subscriptions.delete(String(params?.uri))) this.#sessions.unsubscribe(String(params?.uri));
        return { result: {} };
      default:
        if (!FORWARDED.has(method)) return { error: { code: METHOD_NOT_FOUND, message: `${method} is not there` } };
        return this.#forward(id, method, params, callSeconds);
    }
  }

  /** A result of a tool that failed, with why: the adapter let the server reach nothing, or its database was away. */
  #explained(outcome: Outcome, params: Json, began: number): Outcome {
    if (!("result" in outcome)) return outcome;
    const { refusedSince } = this.#sessions.options;
    const hasFailed = outcome.result.isError === true;
    // A redirect leads to what only the result names, if anything does.
    const refused = hasFailed && refusedSince?.(began, JSON.stringify([params.arguments, outcome.result]));
    const texts = [...(refused || []), ...lostDatabase(outcome.result)];
    if (!texts.length) return outcome;
    const content = Array.isArray(outcome.result.content) ? outcome.result.content : [];
    return {
      result: { ...outcome.result, content: [...content, ...texts.map((text) => ({ type: "text", text }))] },
    };
  }

  #initialize(asked: unknown): Json {
    this.isGreeted = true;
    const { capabilities, ...said } = this.#sessions.options.upstream.greeting;
    const offered = without(capabilities, "tasks");
    const isKnown = SUPPORTED_PROTOCOL_VERSIONS.includes(String(asked));
    return {
      protocolVersion: isKnown ? asked : LATEST_PROTOCOL_VERSION,
      // What is shown can change even where the server's own list never does.
      capabilities: isJson(offered.tools) ? { ...offered, tools: { ...offered.tools, listChanged: true } } : offered,
      ...said,
    };
  }

  async #forward(id: Id, method: string, params: Json | undefined, seconds: number): Promise<Outcome> {
    if (this.#running.has(id)) return { error: { code: INVALID_REQUEST, message: `request ${id} still runs` } };
    const token = isJson(params?._meta) ? params._meta.progressToken : undefined;
    const asked = this.#sessions.options.upstream.ask({
      method,
      params,
      seconds,
      ...(isId(token) && {
        onProgress: (said) => this.notify("notifications/progress", { progressToken: token, ...said }, id),
      }),
    });
    this.#running.set(id, asked);
    try {
      return await asked.outcome;
    } finally {
      this.#running.delete(id);
    }
  }

  #cancel(id: unknown, reason: unknown): void {
    if (!isId(id) || !this.#running.has(id)) return;
    this.#running.get(id)?.cancel(typeof reason === "string" ? reason : undefined);
    // No answer will end it.
    this.#transport.closeSSEStream?.(id);
  }
}

/** What goes to the server as it is. Tasks do not: they belong to no session, so that one client could have another's. */
const FORWARDED = new Set([
  "completion/complete",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/templates/list",
]);
