import assert from "node:assert/strict";
import { test } from "node:test";
import { EXAMPLES } from "./examples.ts";
import { acceptBody } from "./index.ts";

/** Bodies made of the valid ones, each with one evil at a random place. */

const BODIES = 2_000;
const SEED = 0x1177_0073;

/** mulberry32: the same bodies in every run, so that a failure can be looked at. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const KEYS = [
  "api_key",
  "api_base",
  "base_url",
  "fallbacks",
  "mock_response",
  "mock_tool_calls",
  "mock_testing_fallbacks",
  "custom_llm_provider",
  "litellm_metadata",
  "guardrails",
  "cache",
  "ttl_seconds",
  "num_retries",
  "timeout",
  "extra_body",
  "extra_headers",
  "no-log",
  "tags",
  "model_list",
  "azure_ad_token",
  "vertex_credentials",
  "aws_secret_access_key",
  "user_config",
  "headers",
  "authorization",
  "connector_id",
  "tunnel_id",
  "mcp_servers",
  "proxy_server_request",
  "secret_fields",
  "prompt_id",
  "specific_deployment",
  "__proto__",
];
const VALUES = [
  "x",
  "os.environ/LITELLM_MASTER_KEY",
  1,
  true,
  {},
  [],
  { model: "m", tools: [{ type: "mcp" }] },
  ["http://10.0.0.1/"],
];
const TEXTS = ["os.environ/LITELLM_MASTER_KEY", "oidc/file/etc/passwd", " OS.ENVIRON/DATABASE_URL"];
const ENTRIES = [
  { type: "mcp", server_label: "a", server_url: "http://mcp-time:8000/sse", require_approval: "never" },
  { type: "mcp_toolset", mcp_server_name: "a" },
  { type: "image_url", image_url: { url: "http://169.254.169.254/" } },
  { type: "image", source: { type: "url", url: "http://169.254.169.254/" } },
  { type: "input_image", image_url: "http://169.254.169.254/" },
  { type: "input_file", file_url: "http://169.254.169.254/" },
];

/** Below these everything is the client's. */
const FREE_FORM = new Set([
  "parameters",
  "input_schema",
  "schema",
  "metadata",
  "arguments",
  "client_metadata",
  "logit_bias",
  "configs",
  "env",
  "attributes",
]);
/** Texts under these names are content, here or somewhere. */
const CONTENT = new Set([
  "content",
  "text",
  "arguments",
  "input",
  "output",
  "refusal",
  "thinking",
  "reasoning_content",
  "data",
  "definition",
  "code",
  "logs",
  "stdout",
  "stderr",
  "diff",
  "query",
  "queries",
  "command",
  "commands",
  "cited_text",
  "system",
  "key",
]);

interface Place {
  readonly holder: Record<string | number, unknown>;
  readonly key: string | number;
}

/** Every object, list and text of a body that is not free-form. */
function places(root: Record<string, unknown>) {
  const found = { objects: [] as Record<string, unknown>[], lists: [] as unknown[][], texts: [] as Place[] };
  const visit = (value: unknown, name: string, place: Place | undefined) => {
    if (typeof value === "string") {
      if (place && !CONTENT.has(name)) found.texts.push(place);
    } else if (Array.isArray(value)) {
      found.lists.push(value);
      for (const [index, each] of value.entries())
        visit(each, name, { holder: value as unknown as Place["holder"], key: index });
    } else if (typeof value === "object" && value !== null) {
      const object = value as Record<string, unknown>;
      found.objects.push(object);
      for (const [key, each] of Object.entries(object)) {
        // The input of a tool that was used is free-form, that of a request or of a custom tool is not.
        const used = key === "input" && typeof each === "object" && !Array.isArray(each);
        if (!FREE_FORM.has(key) && !used) visit(each, key, { holder: object, key });
      }
    }
  };
  visit(root, "", undefined);
  return found;
}

test(`${BODIES} bodies with one evil each: none is accepted`, () => {
  const below = generator(SEED);
  const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T;
  const done = { key: 0, text: 0, entry: 0 };
  const accepted: string[] = [];
  for (let count = 0; count < BODIES; count += 1) {
    const { route, body, name } = pick(EXAMPLES);
    const evil = JSON.parse(JSON.stringify(body)) as Record<string, unknown>;
    const { objects, lists, texts } = places(evil);
    const kind = pick(["key", "key", "text", "entry"] as const);
    let what: string;
    if (kind === "text" && texts.length > 0) {
      const { holder, key } = pick(texts);
      holder[key] = pick(TEXTS);
      what = `${key} = ${JSON.stringify(holder[key])}`;
      done.text += 1;
    } else if (kind === "entry" && lists.length > 0) {
      const list = pick(lists);
      const entry = pick(ENTRIES);
      list.splice(below(list.length + 1), 0, entry);
      what = `an entry ${JSON.stringify(entry)}`;
      done.entry += 1;
    } else {
      const key = pick(KEYS);
      const value = pick(VALUES);
      Object.defineProperty(pick(objects), key, { value, enumerable: true, configurable: true, writable: true });
      what = `${key}: ${JSON.stringify(value)}`;
      done.key += 1;
    }
    const answer = acceptBody(route, evil);
    if (answer.ok) accepted.push(`${route}, ${name}: ${what}`);
    else
      assert.ok(
        answer.problems.length > 0 && answer.problems.every(({ message }) => message !== ""),
        `${route}, ${name}: ${what} is refused without a reason`,
      );
  }
  assert.deepEqual(accepted, []);
  assert.ok(
    Object.values(done).every((each) => each > 300),
    `too few of a kind: ${JSON.stringify(done)}`,
  );
});
