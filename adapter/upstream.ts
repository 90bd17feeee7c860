import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { LATEST_PROTOCOL_VERSION, SUPPORTED_PROTOCOL_VERSIONS } from "@modelcontextprotocol/sdk/types.js";
import type { ToolLock } from "../approval/tool-lock.ts";
import { Rate } from "../lib/limits.ts";
import type { Connect, Link } from "./link.ts";
import { log } from "./log.ts";
import { isId, isJson, type Json, METHOD_NOT_FOUND, notification } from "./messages.ts";
import { type Ask, type Asked, Failed, type RequestLimits, Requests } from "./requests.ts";
import { withoutSecrets } from "./secrets.ts";
import { throttle } from "./throttle.ts";
import { type Catalogue, Listing, NO_TOOLS } from "./tools.ts";

/** What the server said of itself when it started; clients are answered with it. */
export interface Greeting {
  readonly serverInfo: Json;
  readonly capabilities: Json;
  readonly instructions?: string;
}

export interface UpstreamOptions {
  readonly name: string;
  readonly lock: ToolLock | "everything";
  readonly limits: RequestLimits;
  readonly connect: Connect;
  /** What becomes of a server that is away, for texts: a process is started again, one elsewhere is connected to. */
  readonly again?: "started" | "connected to";
  readonly startSeconds?: number;
  readonly listSeconds?: number;
  /** A server that says nothing is asked so often whether it is there, and has so long to answer. */
  readonly pingEverySeconds?: number;
  readonly pingSeconds?: number;
  readonly firstPauseMs?: number;
  readonly longestPauseMs?: number;
}

export interface UpstreamEvents {
  readonly onNotification: (method: string, params: Json | undefined) => void;
  readonly onToolsChanged: () => void;
  /** The server was started or connected to again and knows nothing of what it was told before. */
  readonly onUp: () => void;
}

export type State = "starting" | "up" | "away";

const REVISION = /^\d{4}-\d\d-\d\d$/;
/** A server that ran for so long is none that ends at each start. */
const STEADY_MS = 60_000;
/**
 * A process that ends at each start costs something each time. A connection costs nothing, and one that somebody starts, or
 * that is slow to start, is there soon after it listens: `up` waits for no more than a minute or two.
 */
const LONGEST_PAUSE_MS = { started: 60_000, "connected to": 5_000 } as const;
const LISTINGS_APART_MS = 1_000;
const MOST_PAGES = 1_000;
const REMARKS_A_MINUTE = 30;

/** The one connection to the MCP server: it greets it, lists its tools, watches it, and starts it or connects to it again. */
export class Upstream {
  readonly #options: Required<UpstreamOptions>;
  readonly #remarks = new Rate();
  readonly #stopped = new AbortController();
  readonly #relist = throttle(() => void this.#listAgain(), LISTINGS_APART_MS);
  readonly requests: Requests;
  events: UpstreamEvents | undefined;
  #link: Link | undefined;
  #living: Promise<void> | undefined;
  #listing = false;
  #listed: Promise<readonly Json[]> | undefined;
  #heard = 0;
  #greeting: Greeting | undefined;
  #catalogue = NO_TOOLS;
  #state: State = "starting";
  #reason = "it has not answered yet";
  #since = new Date();
  #restarts = 0;

  constructor(options: UpstreamOptions) {
    this.#options = {
      again: "started",
      startSeconds: 90,
      listSeconds: 30,
      pingEverySeconds: 5,
      pingSeconds: 10,
      firstPauseMs: 500,
      longestPauseMs: LONGEST_PAUSE_MS[options.again ?? "started"],
      ...options,
    };
    this.requests = new Requests(options.name, options.limits, (message) => this.#link?.send(message) ?? false);
  }

  get state(): State {
    return this.#state;
  }

  get since(): Date {
    return this.#since;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  /** What the server last said of itself; of one that never came up, that it may have tools. */
  get greeting(): Greeting {
    const unknown = { serverInfo: { name: this.#options.name, version: "unknown" }, capabilities: { tools: {} } };
    return this.#greeting ?? unknown;
  }

  /**
   * Why a tool may not be called; undefined: it may.
   *
   * @throws Failed of one that is approved, while the server is away and nobody can say how it lists it.
   */
  refusal(tool: string): string | undefined {
    const { lock, name } = this.#options;
    if (lock === "everything" || this.#catalogue.names.has(tool)) return undefined;
    const which = `the tool ${tool.slice(0, 128)} of the MCP server ${name}`;
    if (!Object.hasOwn(lock, tool)) return `${which} is not approved, and was not called`;
    if (this.#state !== "up") throw this.#away();
    return `${which} is withheld, and was not called: it is not listed as it was approved`;
  }

  /** What Docker is told, and anybody on the network: numbers, no names. */
  health(): { readonly ok: boolean; readonly more: Json } {
    const { tools, withheld, missing } = this.#catalogue;
    return {
      ok: this.#state === "up",
      more: {
        state: this.#state,
        since: this.#since.toISOString(),
        ...(this.#state !== "up" && { reason: this.#reason }),
        tools: tools.length,
        withheld,
        missing: missing.length,
        restarts: this.#restarts,
      },
    };
  }

  /**
   * What the server lists now, approved or not, for whoever approves it; those who ask together share one answer.
   *
   * @throws Failed while the server is away, Error when it does not list.
   */
  listed(): Promise<readonly Json[]> {
    if (this.#state !== "up") return Promise.reject(this.#away());
    this.#listed ??= this.#read(new Listing("everything"))
      .then(({ tools }) => tools)
      .finally(() => (this.#listed = undefined));
    return this.#listed;
  }

  start(): void {
    this.#living ??= this.#live();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#living;
  }

  /** @throws Failed at once while the server is away. */
  ask(ask: Ask): Asked {
    if (this.#state !== "up") throw this.#away();
    return this.requests.ask(ask);
  }

  #away(): Failed {
    const { name, again } = this.#options;
    const since = this.#since.toISOString();
    return new Failed(
      "away",
      this.#state === "starting"
        ? `the MCP server ${name} is being ${again} since ${since}; ask again in a moment`
        : `the MCP server ${name} is away since ${since} (${this.#reason}); it is being ${again} again`,
    );
  }

  async #live(): Promise<void> {
    const { firstPauseMs, longestPauseMs } = this.#options;
    const { signal } = this.#stopped;
    for (let pauseMs = firstPauseMs; ;) {
      const began = performance.now();
      await this.#liveOnce();
      if (signal.aborted) return;
      if (performance.now() - began > STEADY_MS) pauseMs = firstPauseMs;
      log("server away", { reason: this.#reason, againInMs: pauseMs });
      await pause(pauseMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      this.#restarts += 1;
    }
  }

  async #liveOnce(): Promise<void> {
    const over = new AbortController();
    const ended = new Promise<string>((resolve) => {
      this.#link = this.#options.connect({
        onMessage: (message) => void [message].flat().forEach((each) => this.#receive(each)),
        onUnreadable: (why, edges) => {
          this.#remark("unreadable", { why });
          this.requests.unreadable(why, edges);
        },
        onLost: (id, reason, what) => this.requests.lost(id, reason, what),
        onDoubt: () => this.#relist(),
        onEnd: resolve,
      });
    });
    const useless = this.#greet().then(
      () => this.#watch(over.signal),
      (error: Error) => error.message,
    );
    const stopped = new Promise<string>((resolve) =>
      this.#stopped.signal.addEventListener("abort", () => resolve("the adapter is stopping"), { signal: over.signal }),
    );
    const reason = await Promise.race([ended, useless, stopped]);
    over.abort();
    // One that never came up is away since the first attempt.
    if (this.#state !== "away") this.#since = new Date();
    this.#state = "away";
    this.#reason = withoutSecrets(reason);
    this.requests.end(this.#reason, () => this.#away());
    await this.#link?.stop();
  }

  /** @throws Error when the server is of no use. */
  async #greet(): Promise<void> {
    const seconds = this.#options.startSeconds;
    const hello = await this.#initialize(seconds);
    const { serverInfo, capabilities, instructions, protocolVersion } = hello;
    this.#greeting = {
      serverInfo: isJson(serverInfo) ? serverInfo : this.greeting.serverInfo,
      capabilities: isJson(capabilities) ? capabilities : {},
      ...(typeof instructions === "string" && { instructions }),
    };
    if (typeof protocolVersion === "string" && REVISION.test(protocolVersion)) this.#link?.agreed?.(protocolVersion);
    this.#link?.send(notification("notifications/initialized"));
    await this.#list();
    this.#state = "up";
    this.#since = new Date();
    const { tools, withheld } = this.#catalogue;
    log("server up", { protocolVersion, tools: tools.length, withheld, restarts: this.#restarts });
    this.events?.onUp();
  }

  /** Asks for the newest revision; a server that refuses it instead of naming its own is asked for the older ones. */
  async #initialize(seconds: number): Promise<Json> {
    let refusal = "";
    for (const protocolVersion of [LATEST_PROTOCOL_VERSION, ...SUPPORTED_PROTOCOL_VERSIONS.slice(1)]) {
      const params = { protocolVersion, capabilities: {}, clientInfo: { name: "litellm-mcp-adapter", version: "1" } };
      const outcome = await this.requests.ask({ method: "initialize", params, seconds, own: true }).outcome;
      if ("result" in outcome) return outcome.result;
      refusal = outcome.error.message;
    }
    throw new Error(`it refused initialize: ${refusal.slice(0, 200)}`);
  }

  /** @throws Error when the server does not list; what clients see then stays as it was. */
  async #list(): Promise<void> {
    const before = this.#catalogue;
    this.#catalogue = await this.#read(new Listing(this.#options.lock));
    const { withheld, withheldNames, missing } = this.#catalogue;
    if (isDeepStrictEqual(before, this.#catalogue)) return;
    if (withheld) this.#remark("withheld", { tools: withheld, names: withheldNames });
    if (missing.length) this.#remark("missing", { names: missing });
    if (!isDeepStrictEqual(before.tools, this.#catalogue.tools)) this.events?.onToolsChanged();
  }

  /** All pages of the server's list. */
  async #read(listing: Listing): Promise<Catalogue> {
    let cursor: unknown;
    for (let page = 1; isJson(this.greeting.capabilities.tools); page++) {
      if (page > MOST_PAGES) throw new Error(`its list of tools has more than ${MOST_PAGES} pages`);
      const { outcome } = this.requests.ask({
        method: "tools/list",
        ...(cursor !== undefined && { params: { cursor } }),
        seconds: this.#options.listSeconds,
        own: true,
      });
      const listed = await outcome;
      if ("error" in listed) throw new Error(`it refused tools/list: ${listed.error.message.slice(0, 200)}`);
      if (!Array.isArray(listed.result.tools)) throw new Error("its list of tools is no list");
      listing.add(listed.result.tools);
      cursor = listed.result.nextCursor;
      if (typeof cursor !== "string" || cursor === "") break;
    }
    return listing.catalogue();
  }

  /** One listing at a time: a change that is heard of meanwhile is listed after it. */
  async #listAgain(): Promise<void> {
    if (this.#state !== "up") return;
    if (this.#listing) return this.#relist();
    this.#listing = true;
    await this.#list().catch((error: Error) => this.#remark("not listed", { error: error.message }));
    this.#listing = false;
  }

  /** @returns why the server is of no use any more. */
  async #watch(signal: AbortSignal): Promise<string> {
    const { pingEverySeconds, pingSeconds } = this.#options;
    for (;;) {
      await pause(pingEverySeconds * 1_000, undefined, { signal });
      if (performance.now() - this.#heard < pingEverySeconds * 1_000) continue;
      // A tool may take its time, and its whole server with it: a request that was there before protects the server until it ends.
      const before = this.requests.ids;
      const sent = performance.now();
      const isSilent = () => this.#heard < sent;
      const isBusy = () => before.some((id) => this.requests.has(id)) && !this.#link?.isHalted?.();
      const ping = this.requests.ask({ method: "ping", seconds: 86_400, own: true });
      // One that could not even be sent ends no waiting.
      const answer = ping.outcome.catch(() => new Promise<never>(() => {}));
      const late = sent + pingSeconds * 1_000;
      while (isSilent() && (performance.now() < late || isBusy()))
        await Promise.race([answer, pause(Math.min(pingSeconds * 1_000, 1_000), undefined, { signal })]);
      // What came while this program itself had no processor is not read yet.
      if (isSilent()) await pause(100, undefined, { signal });
      if (isSilent()) return `it did not answer a ping within ${pingSeconds} s`;
      ping.cancel();
    }
  }

  #receive(message: unknown): void {
    this.#heard = performance.now();
    if (!isJson(message)) return this.#remark("no message");
    const { id, method, params } = message;
    if (typeof method !== "string") {
      if (!this.requests.answer(message)) this.#remark("answer that nobody asked for");
    } else if (isId(id)) this.#answer(id, method);
    else if (method === "notifications/progress") this.requests.progress(isJson(params) ? params : {});
    else if (method === "notifications/tools/list_changed") this.#relist();
    else this.events?.onNotification(method, isJson(params) ? params : undefined);
  }

  /** What a server asks of its client; which of many clients, nobody could say. */
  #answer(id: string | number, method: string): void {
    const error = { code: METHOD_NOT_FOUND, message: `${method} is not there for a server behind this gateway` };
    this.#link?.send({ jsonrpc: "2.0", id, ...(method === "ping" ? { result: {} } : { error }) });
  }

  /** A line of the log, as many as somebody could read. */
  #remark(event: string, more: Json = {}): void {
    if (this.#remarks.take(event, REMARKS_A_MINUTE)) log(event, more);
  }
}
