import { PassThrough, pipeline, type Readable } from "node:stream";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Audit } from "./audit.ts";
import { acceptBody } from "./bodies/index.ts";
import type { Diagnosis } from "./diagnosis.ts";
import { explain } from "./diagnosis.ts";
import { Given } from "./given.ts";
import { BadJson, parseBody } from "../lib/json.ts";
import { checkHeaders, clientOf, keyOf } from "./keys.ts";
import { BodyRoom, Parallel, Rate } from "../lib/limits.ts";
import type { Sensitive } from "../lib/sensitive.ts";
import type { LiteLlm, LiteLlmAnswer } from "./litellm.ts";
import { log } from "./log.ts";
import { answer, asRefusal, idOf, type McpContext, parseMessage, UnknownMethod } from "./mcp.ts";
import type { Metrics } from "./metrics.ts";
import { respondWithTools } from "./model-tools.ts";
import { errorBody, Refusal } from "./refusal.ts";
import { type ClientRights, mayUseModel, narrow, type Rights, splitName } from "./rights.ts";
import {
  type Action,
  adviceFor,
  ALLOWED_QUERY,
  type Dialect,
  PASSED_HEADERS,
  PLAIN_PATH,
  RETURNED_HEADERS,
  type Route,
  routes,
} from "./routes.ts";
import type { ToolList } from "./tools.ts";

export interface IngressOptions {
  readonly litellm: LiteLlm;
  readonly tools: ToolList;
  readonly audit: Audit;
  readonly diagnosis: Diagnosis;
  readonly metrics: Metrics;
  /** The table in force; undefined while there is none, so that nobody has any right. */
  readonly rights: () => { readonly table: Rights; readonly version: string } | undefined;
  /** A call with one of these in its arguments is refused. */
  readonly refused?: readonly Sensitive[];
  readonly bodyBytes: number;
  /** Bytes of all clients' bodies at once; a small one always has room. */
  readonly bodiesBytes?: number;
  /** How many wrong keys a minute from one address are answered as such; after that it is told to wait. */
  readonly strangersPerMinute?: number;
}

/** Whose request it is; set before the body is read. */
interface Identity {
  readonly client: ClientRights;
  readonly key: string;
}

declare module "fastify" {
  interface FastifyRequest {
    identity: Identity | null;
  }
}

/** As JSON in memory a body takes several times its bytes, and the container has 512 MiB. */
const BODIES_BYTES = 64 * 2 ** 20;
/**
 * Bodies up to this size are not counted, so that large ones never keep them out; requests have a limit of their own.
 */
const SMALL_BODY_BYTES = 64 * 2 ** 10;

const LINGER_MS = 1_000;

/** With it the tool runners of Anthropic's SDKs, which ask for a thread, send the messages themselves instead. */
const NO_THREADS = { error_code: "thread_unsupported_request" };

/** Port 4000: the table of routes, each for those who may use it, and nothing else. */
export function createIngress(options: IngressOptions): FastifyInstance {
  const { metrics, audit } = options;
  const app = Fastify({
    bodyLimit: options.bodyBytes,
    exposeHeadRoutes: false,
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    forceCloseConnections: "idle",
    return503OnClosing: false,
    routerOptions: { caseSensitive: true, maxParamLength: 512 },
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000, maxHeaderSize: 16_384 },
    // What cannot be read as HTTP or as a path belongs to no client and no route.
    frameworkErrors: (_error, _request, reply) =>
      void (reply as FastifyReply).code(404).send(errorBody("plain", new Refusal(404, "no such route", "not found"))),
    clientErrorHandler: (error, socket) => {
      // A client that leaves in the middle of a request did speak HTTP.
      if (error.code !== "ECONNRESET" && error.code !== "HPE_INVALID_EOF_STATE")
        audit.refusedRequest({ address: socket.remoteAddress ?? "" }, "not HTTP");
      if (socket.writable) socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    },
  });
  const strangers = new Rate();
  const rates = new Rate();
  const parallel = new Parallel();
  const given = new Given();
  const bodyRoom = new BodyRoom(Math.max(options.bodiesBytes ?? BODIES_BYTES, options.bodyBytes));

  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    try {
      done(null, parseBody(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
  app.decorateRequest("identity", null);

  const dialectOf = (request: FastifyRequest): Dialect =>
    (request.routeOptions.config as { dialect?: Dialect }).dialect ?? "plain";

  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) =>
    refuse(request, refusalFor(error), reply),
  );

  function refuse(request: FastifyRequest, refusal: Refusal, reply: FastifyReply): void {
    const client = request.identity?.client.name;
    metrics.refusals.inc({ client: client ?? "", reason: refusal.reason });
    audit.refusedRequest(
      client === undefined ? { address: request.ip } : { client, address: request.ip },
      refusal.reason,
    );
    if (refusal.status === 405) void reply.header("allow", "POST");
    if (refusal.status === 429 || refusal.reason === "bodies") void reply.header("retry-after", "10");
    if (request.method === "POST" && request.body === undefined) endSoon(request, reply);
    void reply
      .code(refusal.status)
      // A stream that ended before its first byte has left its own.
      .type("application/json; charset=utf-8")
      .send(errorBody(dialectOf(request), refusal, idOf(request.body)));
  }

  /**
   * For a moment, reads the rest of a refused body and throws it away: a connection that is closed at once is reset,
   * and the client loses the answer that it has not read yet.
   */
  function endSoon({ raw: { socket }, raw }: FastifyRequest, reply: FastifyReply): void {
    // Fastify's own, for a body that is too large.
    void reply.removeHeader("connection");
    reply.raw.once("finish", () => {
      if (raw.complete) return;
      const timer = setTimeout(() => socket.destroy(), LINGER_MS);
      const stay = () => {
        clearTimeout(timer);
        // The connection is kept for more requests; none of them may leave anything on it.
        raw.off("end", stay);
        socket.off("close", stay);
      };
      raw.once("end", stay);
      socket.once("close", stay);
    });
  }

  // What a hook throws goes to the error handler above.
  app.addHook("onRequest", (request, reply, done) => {
    identify(request);
    if (request.identity) makeRoom(request, reply, request.identity);
    done();
  });

  /** Reserves room for the body, before a byte of it is read and until the answer has ended. */
  function makeRoom(request: FastifyRequest, reply: FastifyReply, { client }: Identity): void {
    const { "content-length": length, "transfer-encoding": chunked } = request.headers;
    // The length of a body that comes in chunks is unknown.
    const bytes = chunked !== undefined ? options.bodyBytes : Number(length ?? 0);
    // A body over the limit is refused for that, and not read either.
    if (bytes <= SMALL_BODY_BYTES || bytes > options.bodyBytes) return;
    const giveBack = bodyRoom.take(bytes);
    if (!giveBack)
      throw new Refusal(
        503,
        "bodies",
        `the large bodies of all requests that run now leave no room for another one of client ${client.name}: try again`,
      );
    reply.raw.once("close", giveBack);
  }

  /** Whose request it is and whether it may be here at all, before a byte of its body is read. */
  function identify(request: FastifyRequest): void {
    checkHeaders(request.raw);
    const { url } = request.raw;
    const plain = PLAIN_PATH.test(url!) || ALLOWED_QUERY.test(url!);
    const { route } = request.routeOptions.config as { route?: Route };
    if (request.headers["content-encoding"] !== undefined)
      throw new Refusal(415, "bad request", "send the body as it is, without content-encoding");
    if (!plain || !route)
      throw new Refusal(
        404,
        "no such route",
        `this gateway has no ${request.method} ${url!.slice(0, 100)}: ${adviceFor(url!.slice(0, 100))}`,
      );
    if (route.who === "anybody") return;
    const rights = options.rights();
    if (!rights)
      throw new Refusal(503, "no rights yet", "this gateway knows no clients yet: npm run up has not finished");
    try {
      const key = keyOf(request.raw);
      request.identity = { client: clientOf(rights.table, key), key: key! };
    } catch (error) {
      if (
        error instanceof Refusal &&
        error.status === 401 &&
        !strangers.take(request.ip, options.strangersPerMinute ?? 120)
      )
        throw new Refusal(429, "unknown key", "too many requests with a wrong key from this address: wait a little");
      throw error;
    }
  }

  for (const route of routes)
    app.route({
      method: route.method,
      url: route.path,
      config: { route, dialect: route.dialect },
      handler: (request, reply) => handle(route.action, request, reply),
    });

  async function handle(action: Action, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    switch (action.does) {
      case "health":
        return health(reply);
      case "no-stream":
        throw new Refusal(405, "no stream", "this gateway keeps no sessions: send POST");
      case "mcp":
        return limited(request, (identity, rights) => mcp(request, reply, identity, rights));
      case "models":
        return limited(request, (identity) =>
          // The key of the scheduled check opens no route of models at LiteLLM, which fails over it.
          identity.client.models.length
            ? passOn(request, reply, identity, "/v1/models")
            : Promise.resolve({ object: "list", data: [] }),
        );
      case "model":
        return limited(request, (identity, rights) => model(action.route, request, reply, identity, rights));
    }
  }

  function health(reply: FastifyReply) {
    const litellm = options.litellm.gate.state;
    const rights = options.rights()?.version ?? null;
    return reply.code(litellm === "ok" && rights ? 200 : 503).send({ ingress: "ok", litellm, rights });
  }

  async function limited<T>(
    request: FastifyRequest,
    work: (identity: Identity, rights: Rights) => Promise<T>,
  ): Promise<T> {
    const identity = request.identity!;
    const { client } = identity;
    const end = parallel.begin(client.name, client.parallel);
    if (!end)
      throw new Refusal(
        429,
        "too many at once",
        `client ${client.name} has ${client.parallel} requests running (litellm-mcp:clients.${client.name}.parallel)`,
      );
    try {
      return await work(identity, options.rights()!.table);
    } finally {
      end();
    }
  }

  /** @throws Refusal */
  async function counted({ client, key }: Identity): Promise<void> {
    if (client.rpm !== null && !rates.take(client.name, client.rpm))
      throw new Refusal(
        429,
        "too many a minute",
        `client ${client.name} may make ${client.rpm} requests a minute (litellm-mcp:clients.${client.name}.rpm)`,
      );
    await options.diagnosis.checkBudget(client, key).catch((error: Error) => {
      throw asRefusal(error);
    });
  }

  async function mcp(
    request: FastifyRequest,
    reply: FastifyReply,
    identity: Identity,
    table: Rights,
  ): Promise<unknown> {
    let message;
    try {
      message = parseMessage(request.body);
    } catch (error) {
      if (!(error instanceof UnknownMethod)) throw error;
      return reply.send({ jsonrpc: "2.0", id: error.id, error: { code: -32601, message: error.message } });
    }
    if (!message) return reply.code(202).send();
    const { client, key } = identity;
    const named = [
      (request.params as { names?: string }).names,
      request.headers["x-mcp-servers"],
      request.headers["x-mcp-access-groups"],
    ]
      .filter((names): names is string => typeof names === "string")
      .map((names) => names.split(",").map((name) => name.trim()));
    let servers: readonly string[] = narrow(table, client, undefined) as readonly string[];
    for (const names of named) {
      const chosen = narrow(table, client, names);
      if ("refused" in chosen)
        throw new Refusal(chosen.refused.startsWith("there is no") ? 404 : 403, "not allowed", chosen.refused);
      servers = servers.filter((server) => chosen.includes(server));
    }
    if (message.method !== "ping") await counted(identity);

    let stream: PassThrough | undefined;
    const takesStream = /text\/event-stream|\*\/\*/.test(request.headers.accept ?? "");
    const event = (sent: unknown) => `event: message\ndata: ${JSON.stringify(sent)}\n\n`;
    const onNotification = (sent: unknown) => {
      if (!takesStream) return;
      if (!stream) {
        stream = new PassThrough();
        void reply.header("content-type", "text/event-stream").header("cache-control", "no-cache").send(stream);
      }
      stream.write(event(sent));
    };
    const context: McpContext = { ...options, rights: table };
    const timer = metrics.operations.startTimer();
    // Only names of tools that exist become labels: otherwise a client could create labels without end.
    const parts =
      message.method === "tools/call" && options.tools.has(message.params.name)
        ? splitName(message.params.name)
        : undefined;
    const labels = {
      mcp_method_name: message.method,
      mcp_server: parts?.server ?? "",
      gen_ai_tool_name: parts?.tool ?? "",
      client: client.name,
    };
    try {
      const newer = /no-cache/.test(request.headers["cache-control"] ?? "");
      const sent = await answer(
        context,
        { client, key, address: request.ip, route: request.url, servers, newer },
        message,
        onNotification,
      );
      const failed = (sent["result"] as { isError?: unknown } | undefined)?.isError === true;
      timer({ ...labels, error_type: failed ? "tool_error" : "" });
      if (!stream) return reply.send(sent);
      stream.end(event(sent));
    } catch (error) {
      const refusal = refusalFor(error as Error);
      timer({ ...labels, error_type: refusal.reason });
      if (!stream) throw error;
      stream.end(event(errorBody("mcp", refusal, message.id)));
    }
    return reply;
  }

  async function model(
    route: (Action & { does: "model" })["route"],
    request: FastifyRequest,
    reply: FastifyReply,
    identity: Identity,
    table: Rights,
  ): Promise<unknown> {
    const accepted = acceptBody(route, request.body);
    if (!accepted.ok)
      throw new Refusal(
        400,
        "bad request",
        accepted.problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join("; "),
        accepted.problems.find(({ path }) => route === "/v1/messages" && path === "thread") && NO_THREADS,
      );
    if (!mayUseModel(identity.client, accepted.model))
      throw new Refusal(
        403,
        "not allowed",
        `client ${identity.client.name} may not use model ${accepted.model.slice(0, 100)}; it has ${identity.client.models.join(", ") || "none"}`,
      );
    const { name } = identity.client;
    const body = route === "/v1/responses" ? given.own(name, accepted.body) : accepted.body;
    if (!accepted.mcpTools.length) return passOn(request, reply, identity, route, body);
    await counted(identity);
    const context: McpContext = { ...options, rights: table };
    const caller = { ...identity, address: request.ip, route: request.url, newer: false };
    const response = await respondWithTools(context, caller, { ...accepted, body });
    given.remember(name, response);
    return reply.send(response);
  }

  /** Sends the request to LiteLLM, and its answer to the client as it comes. */
  async function passOn(
    request: FastifyRequest,
    reply: FastifyReply,
    identity: Identity,
    path: string,
    body?: unknown,
  ): Promise<unknown> {
    await counted(identity);
    const timer = metrics.models.startTimer({ route: path, client: identity.client.name });
    const gone = new AbortController();
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) gone.abort();
    });
    const passed = PASSED_HEADERS[dialectOf(request)].flatMap((name) =>
      typeof request.headers[name] === "string" ? [[name, request.headers[name]] as const] : [],
    );
    const answered = await options.litellm
      .ask({
        method: body === undefined ? "GET" : "POST",
        path,
        key: identity.key,
        body,
        headers: Object.fromEntries(passed),
        signal: gone.signal,
        repeatable: body === undefined,
      })
      .catch((error: Error) => {
        timer({ status: "none" });
        throw asRefusal(error);
      });
    if (answered.status !== 200) {
      timer({ status: String(answered.status) });
      throw await explain(options.diagnosis, identity.client, identity.key, answered);
    }
    for (const name of RETURNED_HEADERS)
      if (answered.headers[name] !== undefined) void reply.header(name, answered.headers[name]);
    answered.body.once("close", () => timer({ status: "200" }));
    await reply.send(path === "/v1/responses" ? await remembered(identity.client, answered) : answered.body);
    // For the limits, the request runs until its last byte is sent.
    if (!reply.raw.writableFinished && !reply.raw.destroyed)
      await new Promise<void>((resolve) => reply.raw.once("close", resolve).once("finish", resolve));
    return reply;
  }

  /** The body of an answer on /v1/responses, once what the client may come back to is known. */
  async function remembered({ name }: ClientRights, { headers, body }: LiteLlmAnswer): Promise<Readable | string> {
    if (String(headers["content-type"]).startsWith("text/event-stream"))
      // An error on either side ends the other; who is left says what happened.
      return pipeline(body, given.watch(name), () => {});
    const text = await body.text();
    given.rememberText(name, text);
    return text;
  }

  return app;
}

/** What the client is told about an error of any kind. */
function refusalFor(error: Error & { statusCode?: number; code?: string }): Refusal {
  const known = asRefusal(error);
  if (known instanceof Refusal) return known;
  if (error instanceof BadJson) return new Refusal(400, "bad request", error.message);
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return new Refusal(
      413,
      "body too large",
      "the body is larger than this gateway takes (litellm-mcp:gateway.bodyMiB)",
    );
  if (error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return new Refusal(415, "bad request", "send content-type: application/json, without content-encoding");
  if (error.code?.startsWith("FST_ERR_CTP")) return new Refusal(400, "bad request", error.message);
  // Our own signal aborted it, or the client left while its body was read.
  if (error.name === "AbortError" || error.code === "ECONNRESET")
    return new Refusal(499, "client gone", "the client has left");
  log("error", { error: error.stack ?? String(error) });
  return new Refusal(500, "error", "the gateway met an error of its own; its log has it");
}
