import assert from "node:assert/strict";
import { test } from "node:test";
import { ANY_TOOL, inStack, load, refused } from "../../tests/small-stack.ts";

refused([
  inStack(
    "a period without a budget",
    { clients: { "test-key": { budgetPeriod: "month" } } },
    "clients.test-key.budgetPeriod",
    '"month"',
    "budget beside it, or leave it out",
  ),
  inStack(
    "a period that LiteLLM does not have",
    { clients: { "test-key": { budget: 1, budgetPeriod: "year" } } },
    "clients.test-key.budgetPeriod",
    '"year"',
    "day, week or month",
  ),
  inStack(
    "no test-key",
    { clients: { phone: {} } },
    "clients.test-key",
    "nothing",
    "test-key: {}, the client that every stack has",
  ),
  inStack(
    "client's name",
    { clients: { "test-key": {}, My_Phone: {} } },
    "clients",
    '"My_Phone"',
    "a client's name: lower-case letters, digits and -, beginning with a letter",
  ),
  inStack(
    "tool that the server does not have",
    { clients: { "test-key": { tools: { time: { deny: ["convert_tme"] } } } } },
    "clients.test-key.tools.time.deny[0]",
    '"convert_tme"',
    "one of its tools: get_current_time",
  ),
  inStack(
    "tools of a server that is not the client's",
    { clients: { "test-key": {}, phone: { servers: ["time"], tools: { git: { allow: ["git_log"] } } } } },
    "clients.phone.tools.git",
    '"git"',
    "one of the servers this client may use: time",
  ),
  inStack(
    "client of no server",
    { clients: { "test-key": { servers: ["time", "clock"] } } },
    "clients.test-key.servers[1]",
    '"clock"',
    "one of the servers git, postgres, time",
  ),
  inStack(
    "client of a server that is off",
    { clients: { "test-key": { servers: ["time"] } }, servers: { time: { enabled: false } } },
    "clients.test-key.servers[0]",
    '"time"',
    "a server that is enabled on this stack; litellm-mcp:servers.time.enabled turns it on",
  ),
  inStack(
    "client of no group",
    { clients: { "test-key": { groups: ["basic"] } } },
    "clients.test-key.groups[0]",
    '"basic"',
    "a group of an enabled server: basics",
  ),
  inStack(
    "client of no model",
    { clients: { "test-key": { models: ["gpt"] } } },
    "clients.test-key.models[0]",
    '"gpt"',
    "one of the models mock",
  ),
  inStack(
    "empty list, which LiteLLM takes for all",
    { clients: { "test-key": { servers: [] } } },
    "clients.test-key.servers",
    "[]",
    "a list of servers; left out together with groups: all of them",
  ),
  inStack(
    "budget",
    { clients: { "test-key": { budget: 0 } } },
    "clients.test-key.budget",
    "0",
    "USD, a number above 0",
  ),
]);

test("a client's groups become servers, and nothing stays implicit", () => {
  const { clients } = load({
    config: {
      models: ["a", "b"].map((name) => ({ name, params: { model: "openai/x" } })),
      clients: {
        "test-key": null,
        phone: {
          groups: ["basics"],
          servers: ["postgres"],
          tools: { postgres: { deny: ["execute_sql"] } },
          models: ["b"],
          rpm: "60",
          parallel: 8,
          tpm: "1000",
          budget: "5.5",
          budgetPeriod: "month",
        },
      },
    },
  });
  assert.deepEqual(clients, [
    {
      name: "phone",
      servers: ["postgres", "time"],
      rules: { postgres: { allow: null, deny: ["execute_sql"] }, time: ANY_TOOL },
      models: ["b"],
      rpm: 60,
      parallel: 8,
      tpm: 1000,
      budget: 5.5,
      budgetPeriod: "month",
    },
    {
      name: "test-key",
      servers: ["git", "postgres", "time"],
      rules: { git: ANY_TOOL, postgres: ANY_TOOL, time: ANY_TOOL },
      models: ["a", "b"],
      rpm: undefined,
      parallel: 32,
      tpm: undefined,
      budget: undefined,
      budgetPeriod: undefined,
    },
  ]);
});
