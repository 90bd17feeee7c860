#!/usr/bin/env node
// STAND-IN for Prisma's native query engine, which is downloaded from Prisma's own site alone: serves the HTTP protocol
// that prisma-client-py 0.11 expects and runs the queries on Prisma's own WASM engine (npm @prisma/client) over node-postgres.
"use strict";
if (process.argv.includes("--version")) {
  console.log("query-engine stand-in");
  process.exit(0);
}
const fs = require("node:fs");
const http = require("node:http");
const { bindAdapter } = require("@prisma/driver-adapter-utils");
const { PrismaPg } = require("@prisma/adapter-pg");
const pg = require("pg");
const runtime = require("@prisma/client/runtime/query_engine_bg.postgresql.js");
const { wasm } = require("@prisma/client/runtime/query_engine_bg.postgresql.wasm-base64.js");
const { plainUrl } = require("./database-url.js");
const { Translator, answer } = require("./graphql.js");

/** The value after the first of `names` on the command line. */
const option = (...names) => process.argv[process.argv.findIndex((argument) => names.includes(argument)) + 1];

/** adapter-pg refuses name[], which LiteLLM's check_view_exists() selects, so it is shown as text[]. */
const NAME_ARRAY = 1003;
const TEXT_ARRAY = 1009;
function nameArraysAsText(result) {
  result?.fields?.forEach((field, at) => {
    if (field.dataTypeID !== NAME_ARRAY) return;
    field.dataTypeID = TEXT_ARRAY;
    for (const row of result.rows) {
      const key = Array.isArray(row) ? at : field.name;
      if (typeof row[key] === "string") row[key] = pg.types.getTypeParser(TEXT_ARRAY)(row[key]);
    }
  });
  return result;
}
class Client extends pg.Client {
  query(...args) {
    const callback = args.at(-1);
    if (typeof callback === "function") return super.query(...args.slice(0, -1), (error, result) => callback(error, nameArraysAsText(result)));
    const pending = super.query(...args);
    return typeof pending?.then === "function" ? pending.then(nameArraysAsText) : pending;
  }
}

class Engine {
  static #TRACE = "{}";
  #requests = 0;

  static async start(schema, databaseUrl) {
    const engine = new Engine();
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(wasm, "base64")), { "./query_engine_bg.js": runtime });
    runtime.__wbg_set_wasm(instance.exports);
    instance.exports.__wbindgen_start();
    const max = Number(new URL(databaseUrl).searchParams.get("connection_limit") ?? 10);
    const pool = new pg.Pool({ connectionString: plainUrl(databaseUrl), max, Client });
    engine.adapter = bindAdapter(await new PrismaPg(pool, { disposeExternalPool: true }).connect());
    const options = { datamodel: schema, env: process.env, logQueries: false, ignoreEnvVarErrors: true, datasourceOverrides: {}, logLevel: "error", configDir: ".", engineProtocol: "json", enableTracing: false };
    engine.wasm = new runtime.QueryEngine(options, () => {}, engine.adapter);
    await engine.wasm.connect(Engine.#TRACE, engine.#request());
    return engine;
  }

  /** Engine calls want a request id: a decimal number as text. */
  #request() {
    this.#requests += 1;
    return String(this.#requests);
  }

  /** A driver's error arrives as a number; this puts its message in. */
  #explain(result) {
    for (const error of result.errors ?? []) {
      const known = error.user_facing_error;
      const original = known?.error_code === "P2036" && this.adapter.errorRegistry.consumeError(known.meta.id);
      if (original) {
        error.error = known.message = String(original.error?.message ?? original.error);
        known.error_code = "P2010";
      }
    }
    return result;
  }

  async query(body, transaction) {
    return this.#explain(JSON.parse(await this.wasm.query(JSON.stringify(body), Engine.#TRACE, transaction, this.#request())));
  }

  async begin({ max_wait = 2000, timeout = 5000, isolation_level }) {
    return JSON.parse(await this.wasm.startTransaction(JSON.stringify({ max_wait, timeout, isolation_level }), Engine.#TRACE, this.#request()));
  }

  async end(how, transaction) {
    const method = how === "commit" ? "commitTransaction" : "rollbackTransaction";
    return JSON.parse((await this.wasm[method](transaction, Engine.#TRACE, this.#request())) || "{}");
  }
}

/** Any failure in the shape that prisma-client-py maps to its exceptions. */
function failure(message, code = "P1000", meta = {}) {
  return { errors: [{ error: message, user_facing_error: { is_panic: false, message, meta, error_code: code } }] };
}

async function graphql(engine, translator, body, transaction) {
  if (!Array.isArray(body.batch)) {
    const one = translator.query(body.query);
    return answer(one, await engine.query(one.query, transaction));
  }
  const all = body.batch.map(({ query }) => translator.query(query));
  const inTransaction = body.transaction && !transaction ? { transaction: {} } : {};
  const result = await engine.query({ batch: all.map(({ query }) => query), ...inTransaction }, transaction);
  return result.errors ? result : { batchResult: result.batchResult.map((part, at) => answer(all[at], part)) };
}

async function handle(engine, translator, request, text) {
  const route = `${request.method} ${request.url.split("?")[0]}`;
  if (route === "GET /status") return { status: "ok" };
  if (route === "GET /metrics") return { counters: [], gauges: [], histograms: [] };
  if (route === "POST /") return graphql(engine, translator, JSON.parse(text), request.headers["x-transaction-id"]);
  const outcome = (result) => (result.error_code ? failure(result.message, result.error_code, result.meta) : result);
  if (route === "POST /transaction/start") return outcome(await engine.begin(JSON.parse(text || "{}")));
  const [, transaction, how] = /^POST \/transaction\/([^/]+)\/(commit|rollback)$/.exec(route) ?? [];
  if (transaction) return outcome(await engine.end(how, transaction));
  throw new Error(`no such route: ${route}`);
}

/** What the engine throws is JSON, or plain text. */
function thrown(error) {
  try {
    const { message, error_code, meta } = JSON.parse(error.message);
    return failure(message, error_code, meta);
  } catch {
    return failure(error.message);
  }
}

async function main() {
  const schema = fs.readFileSync(process.env.PRISMA_DML_PATH, "utf8");
  const engine = await Engine.start(schema, process.env.DATABASE_URL);
  const translator = new Translator(schema);
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const result = await handle(engine, translator, request, Buffer.concat(chunks).toString("utf8")).catch(thrown);
    // LiteLLM swallows some of these; in a container's log they are found.
    for (const { error } of result.errors ?? []) console.error(`query-engine stand-in: ${error}`);
    const body = Buffer.from(JSON.stringify(result));
    response.writeHead(200, { "content-type": "application/json", "content-length": body.length }).end(body);
  });
  // Longer than prisma-client-py keeps its connections, so that it never writes into one just closed.
  server.keepAliveTimeout = 120_000;
  server.listen(Number(option("-p", "--port")), "127.0.0.1");

  const stop = () => process.exit(0);
  process.on("SIGINT", stop).on("SIGTERM", stop);
  // The client that started it may be killed without a word.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || stop(), 2_000).unref();
}

main().catch((error) => {
  console.error(`query-engine stand-in: ${error.stack}`);
  process.exit(1);
});
