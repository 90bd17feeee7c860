import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Audit } from "./audit.ts";
import { acceptBody } from "./bodies/index.ts";
import { Diagnosis } from "./diagnosis.ts";
import { FakeLiteLlm, json } from "./fake-litellm.ts";
import { LiteLlm } from "./litellm.ts";
import type { McpContext } from "./mcp.ts";
import { respondWithTools } from "./model-tools.ts";
import { Refusal } from "./refusal.ts";
import type { ClientRights, Rights } from "./rights.ts";
import { ToolList } from "./tools.ts";

type Json = Record<string, any>;
const client: ClientRights = {
  name: "a",
  keyHash: "0".repeat(64),
  servers: { time: { allow: null, deny: ["convert"] } },
  models: ["m"],
  rpm: null,
  parallel: 4,
  budget: null,
};
const rights: Rights = {
  servers: [
    { name: "time", groups: ["utility"] },
    { name: "git", groups: ["files"] },
  ],
  clients: [client],
};

const litellm = new FakeLiteLlm();
/** What the model answers, one after the other; the last one again and again. */
let script: Json[][];
/** Bodies that the model got. */
let asked: Json[];
let folder: string;
let context: McpContext & { litellm: LiteLlm; audit: Audit };

before(() => litellm.start());
after(() => litellm.stop());
beforeEach(async () => {
  asked = [];
  litellm.heard = [];
  litellm.answer = (heard, response) => {
    if (heard.path !== "/v1/responses") return litellm.defaults(heard, response);
    asked.push(heard.body as Json);
    return json(response, 200, { id: "r", output: script[Math.min(asked.length, script.length) - 1] });
  };
  folder = await mkdtemp(path.join(tmpdir(), "model-tools-"));
  const upstream: LiteLlm = new LiteLlm(litellm.url, () => tools.warm());
  const tools: ToolList = new ToolList(() => upstream, "sk-listing");
  context = {
    litellm: upstream,
    tools,
    audit: new Audit({ folder, days: 1, bytes: 2 ** 24, results: false }),
    diagnosis: new Diagnosis(upstream),
    rights,
  };
});
afterEach(async () => {
  await context.audit.close();
  await context.litellm.close();
  await rm(folder, { recursive: true });
});

const wants = (name: string, args = "{}", call_id = "c1") => ({
  type: "function_call",
  id: "f",
  call_id,
  name,
  arguments: args,
  status: "completed",
});
const says = (text: string) => ({
  type: "message",
  role: "assistant",
  id: "m",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
});
const mcp = { type: "mcp", server_label: "litellm", server_url: "litellm_proxy", require_approval: "never" };

function respond(tools: readonly Json[], more: Json = {}): Promise<Json> {
  const accepted = acceptBody("/v1/responses", { model: "m", input: "hello", tools, ...more });
  assert.ok(accepted.ok, JSON.stringify(accepted));
  return respondWithTools(
    context,
    { client, key: "sk-a", address: "10.0.0.1", route: "/v1/responses", newer: false },
    accepted,
  );
}
const calledTools = () =>
  litellm.heard
    .map(({ body }) => body as Json | undefined)
    .filter((body) => body?.method === "tools/call")
    .map((body) => body!.params);
/** Every line of the audit files; an answer does not wait for its outcome's line, so the audit is closed for it. */
async function allLines(): Promise<Json[]> {
  await context.audit.close();
  const texts = await Promise.all((await readdir(folder)).map((file) => readFile(path.join(folder, file), "utf8")));
  return texts.flatMap((text) => text.split("\n").filter(Boolean)).map((line) => JSON.parse(line) as Json);
}

test("the model is offered what the client may call, as functions, and what it calls is run and recorded", async () => {
  script = [[wants("time-now", '{"zone":"UTC"}')], [says("done")]];
  const answer = await respond([mcp], { tool_choice: "required" });
  assert.deepEqual(
    asked[0]!.tools.map(({ type, name }: Json) => `${type} ${name}`),
    ["function time-now"],
  );
  assert.deepEqual(
    asked.map(({ tool_choice }) => tool_choice),
    ["required", undefined],
  );
  assert.deepEqual(calledTools(), [{ name: "time-now", arguments: { zone: "UTC" } }]);
  assert.deepEqual(asked[1]!.input.slice(-2), [
    { type: "function_call", call_id: "c1", name: "time-now", arguments: '{"zone":"UTC"}' },
    { type: "function_call_output", call_id: "c1", output: "called time-now" },
  ]);
  const [called, message] = answer.output;
  assert.deepEqual(
    { ...called, id: 0 },
    {
      id: 0,
      type: "mcp_call",
      server_label: "litellm",
      name: "time-now",
      arguments: '{"zone":"UTC"}',
      output: "called time-now",
      error: null,
    },
  );
  assert.equal(message.content[0].text, "done");
  assert.deepEqual(
    (await allLines()).map(({ audit, client: who, server, tool, arguments: args, outcome, route }) => ({
      audit,
      who,
      server,
      tool,
      args,
      outcome,
      route,
    })),
    [
      {
        audit: "call",
        who: "a",
        server: "time",
        tool: "now",
        args: { zone: "UTC" },
        outcome: undefined,
        route: "/v1/responses",
      },
      {
        audit: "outcome",
        who: "a",
        server: "time",
        tool: "now",
        args: undefined,
        outcome: "answered",
        route: undefined,
      },
    ],
  );
});

for (const [what, tool, offered] of [
  ["a server", { server_url: "litellm_proxy/mcp/time" }, ["time-now"]],
  ["its tools", { allowed_tools: ["now", "convert"] }, ["time-now"]],
  ["a tool by its full name", { allowed_tools: ["time-now"] }, ["time-now"]],
  ["tools that are not there", { allowed_tools: ["git-log", "log"] }, []],
] as const)
  test(`offered by ${what}: never more than the client has`, async () => {
    script = [[says("done")]];
    await respond([{ ...mcp, ...tool }]);
    assert.deepEqual(
      asked[0]!.tools.map(({ name }: Json) => name),
      offered,
    );
  });

test("a server that is not the client's is refused before the model is asked", async () => {
  script = [[says("done")]];
  await assert.rejects(
    respond([{ ...mcp, server_url: "litellm_proxy/mcp/git" }]),
    (error) => error instanceof Refusal && error.status === 403 && /may not use server git/.test(error.message),
  );
  assert.deepEqual(asked, []);
});

test("streamed, it is refused with what to do instead", async () => {
  await assert.rejects(
    respond([mcp], { stream: true }),
    (error) =>
      error instanceof Refusal &&
      error.status === 400 &&
      /leave stream out, or connect your client to \/mcp\//.test(error.message),
  );
  assert.deepEqual(litellm.asked, []);
});

for (const name of ["git-log", "time-convert", "time-made-up", "now"])
  test(`a model that asks for ${name}, which it was not offered, gets nothing run`, async () => {
    script = [[wants(name)]];
    const answer = await respond([mcp]);
    assert.deepEqual(
      answer.output.map(({ type }: Json) => type),
      ["function_call"],
    );
    assert.deepEqual([calledTools(), asked.length], [[], 1]);
  });

test("a function that nobody offered beside a tool: the client is given both, and nothing runs", async () => {
  script = [[wants("time-now"), wants("own", "{}", "c2")]];
  const answer = await respond([mcp]);
  assert.deepEqual(
    answer.output.map(({ name }: Json) => name),
    ["time-now", "own"],
  );
  assert.deepEqual(calledTools(), []);
});

test("a tool that needs an approval is not run", async () => {
  script = [[wants("time-now")]];
  await respond([{ ...mcp, require_approval: "always" }]).then(
    (answer) =>
      assert.deepEqual(
        answer.output.map(({ type }: Json) => type),
        ["function_call"],
      ),
    (error: unknown) => assert.ok(error instanceof Refusal),
  );
  assert.deepEqual(calledTools(), []);
});

for (const [what, args] of [
  ["no JSON", "{"],
  ["no object", "[]"],
] as const)
  test(`arguments that are ${what} are told to the model, and nothing is called`, async () => {
    script = [[wants("time-now", args)], [says("done")]];
    const { output } = await respond([mcp]);
    assert.match(output[0].error, /^Error: the arguments are not/);
    assert.equal(output[0].output, null);
    assert.deepEqual(calledTools(), []);
  });

test("a model that never ends is ended, by rounds and by calls", async () => {
  script = [[wants("time-now")]];
  await respond([mcp]);
  assert.deepEqual([asked.length, calledTools().length], [5, 4]);
  [asked, litellm.heard] = [[], []];
  script = [Array.from({ length: 3 }, (_, at) => wants("time-now", "{}", `c${at}`))];
  await respond([mcp], { max_tool_calls: 4 });
  assert.deepEqual([asked.length, calledTools().length], [2, 3]);
  [asked, litellm.heard] = [[], []];
  script = [Array.from({ length: 33 }, (_, at) => wants("time-now", "{}", `c${at}`))];
  await respond([mcp], { max_tool_calls: 1_000 });
  assert.deepEqual(calledTools(), []);
});

test("LiteLLM's own refusal is handed on, without its keys", async () => {
  litellm.answer = (heard, response) =>
    heard.path === "/v1/responses"
      ? json(response, 400, { error: { message: "bad model for sk-1234567890" } })
      : litellm.defaults(heard, response);
  await assert.rejects(
    respond([mcp]),
    (error) => error instanceof Refusal && error.status === 400 && /bad model for sk-…/.test(error.message),
  );
});
