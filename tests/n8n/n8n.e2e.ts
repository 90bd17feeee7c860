import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bridgeAddress, docker, removeLeftovers } from "../e2e/docker.ts";
import { callTool, eventually } from "../e2e/gateway.ts";
import { Workspace } from "../e2e/workspace.ts";
import { type RealN8n, startN8n } from "./real-n8n.ts";

// The server `n8n_workflows` in front of a real n8n: an answer that only n8n gives, and what it then knows itself.
const PREFIX = "e2e-n8n-";
const GATEWAY_PORT = 16700;
const POSTGRES_PORT = 16732;
const N8N_PORT = 16778;
const OFF = ["fetch", "filesystem", "git", "memory", "postgres", "sequentialthinking", "time"];

let n8n: RealN8n;
let workspace: Workspace;

before(async () => {
  await removeLeftovers(PREFIX);
  const address = await bridgeAddress();
  n8n = await startN8n(PREFIX, address, N8N_PORT);
  workspace = await Workspace.create("e2en8n", {
    "litellm-mcp:docker": { host: "unix:///var/run/docker.sock" },
    "litellm-mcp:lan": { address: "127.0.0.1" },
    "litellm-mcp:namePrefix": PREFIX,
    "litellm-mcp:gateway": { port: GATEWAY_PORT },
    "litellm-mcp:postgres": { kind: "dedicated", port: POSTGRES_PORT },
    "litellm-mcp:servers": {
      ...Object.fromEntries(OFF.map((name) => [name, { enabled: false }])),
      n8n_workflows: { enabled: true, env: { N8N_API_URL: n8n.url } },
    },
    "litellm-mcp:clients": { "test-key": {} },
  });
  const init = await workspace.run("pulumi", ["stack", "init", "e2en8n"]);
  assert.equal(init.exitCode, 0, init.output);
});

after(async () => {
  await workspace.end();
  await n8n.stop();
  await removeLeftovers(PREFIX);
});

const setKey = async (key: string) => {
  const set = await workspace.pulumi("config", "set", "--secret", "--path", "litellm-mcp:secrets.n8nApiKey", key);
  assert.equal(set.exitCode, 0, set.output);
};

interface Answer<T> {
  readonly success: boolean;
  readonly data: T;
  readonly error?: string;
}

const answerOf = async <T>(tool: string, args: Record<string, unknown> = {}): Promise<Answer<T>> => {
  const { gateway, clientKeys } = await workspace.outputs();
  return JSON.parse(await callTool(gateway, clientKeys["test-key"]!, `n8n_workflows-${tool}`, args)) as Answer<T>;
};

const call = async <T>(tool: string, args: Record<string, unknown> = {}): Promise<T> => {
  const answer = await answerOf<T>(tool, args);
  assert.equal(answer.success, true, JSON.stringify(answer));
  return answer.data;
};

const REFUSED = "Failed to authenticate with n8n. Please check your API key.";

test("with a key that n8n does not know `up` is red, and says what n8n's server answered", async () => {
  await setKey("a-key-that-n8n-does-not-know");
  const { exitCode, output } = await workspace.up();
  assert.notEqual(exitCode, 0, output);
  assert.ok(output.includes(REFUSED), output);
  assert.match(output, /n8n_workflows/);
});

test("with a key of n8n's own `up` is green", async () => {
  await setKey(n8n.apiKey);
  const { exitCode, output } = await workspace.up();
  assert.equal(exitCode, 0, output);
  const { Config } = await docker.getContainer(`${PREFIX}mcp-n8n_workflows`).inspect();
  assert.ok(!JSON.stringify(Config.Labels).includes(n8n.apiKey));
  assert.ok(!output.includes(n8n.apiKey), "the key was printed");
});

test("a workflow is made, listed, run and deleted", async () => {
  const { id } = await call<{ id: string }>("n8n_create_workflow", {
    name: "Hello from the gateway",
    nodes: [
      {
        ...{ id: "hook", name: "Webhook", type: "n8n-nodes-base.webhook", typeVersion: 2, position: [0, 0] },
        parameters: { path: "hello", httpMethod: "POST", responseMode: "lastNode" },
      },
      {
        ...{ id: "set", name: "Answer", type: "n8n-nodes-base.set", typeVersion: 3.4, position: [200, 0] },
        parameters: {
          assignments: { assignments: [{ id: "a", name: "answer", value: "made by n8n", type: "string" }] },
        },
      },
    ],
    connections: { Webhook: { main: [[{ node: "Answer", type: "main", index: 0 }]] } },
  });
  const { workflows } = await call<{ workflows: { id: string; name: string }[] }>("n8n_list_workflows");
  assert.deepEqual(
    workflows.map(({ id, name }) => ({ id, name })),
    [{ id, name: "Hello from the gateway" }],
  );
  // n8n itself says the same, without the gateway.
  assert.equal(((await n8n.ask(`/workflows/${id}`)) as { name: string }).name, "Hello from the gateway");

  await call("n8n_update_partial_workflow", { id, operations: [{ type: "activateWorkflow" }] });
  const ran = await eventually("its webhook is there", 30, () =>
    call("n8n_test_workflow", { workflowId: id, triggerType: "webhook", data: { asked: true } }).catch(() => undefined),
  );
  assert.match(JSON.stringify(ran), /made by n8n/);
  const { data } = (await n8n.ask(`/executions?workflowId=${id}`)) as { data: { status: string }[] };
  assert.equal(data[0]?.status, "success");

  await call("n8n_delete_workflow", { id });
  await assert.rejects(n8n.ask(`/workflows/${id}`), /HTTP 404/);
});

test("a key that was deleted in n8n: clients are told so, and nothing looks like an empty list", async () => {
  await n8n.deleteKey();
  for (const [tool, args] of [
    ["n8n_list_workflows", {}],
    ["n8n_get_workflow", { id: "any" }],
    ["n8n_delete_workflow", { id: "any" }],
  ] as const) {
    const { success, data, error } = await answerOf(tool, args);
    assert.deepEqual({ success, data, error }, { success: false, data: undefined, error: REFUSED }, tool);
  }
  const verify = await workspace.run("npm", ["run", "verify", "--", "--stack", "e2en8n"]);
  assert.notEqual(verify.exitCode, 0, verify.output);
  assert.ok(verify.output.includes(REFUSED), verify.output);
  // It asks n8n for its health, without the key.
  assert.equal((await answerOf("n8n_health_check")).success, true);
});
