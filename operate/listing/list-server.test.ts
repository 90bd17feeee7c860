import assert from "node:assert/strict";
import { test } from "node:test";
import type { ServerSettings } from "../../settings/settings.ts";
import { type Alone, type Given, NotUp, ownWords } from "./ask-alone.ts";
import { placeOf } from "./ask-servers.ts";
import { listWithOffers, type ListAlone } from "./list-server.ts";
import { grantedBy, type Offer } from "./offers.ts";
import type { StackServer } from "./stack-servers.ts";

const settings = {
  name: "shop",
  source: { kind: "wrapped" },
  env: { LANGUAGE: "en", SHOP_URL: "http://shop.lan" },
  secrets: { SHOP_TOKEN: "shopToken" },
  egress: true,
  postgres: false,
} as unknown as ServerSettings;
const shop: StackServer = {
  ...{ settings, isEnabled: true, hasNoAdapter: false },
  ownEnv: { LANGUAGE: "en" },
  mountTargets: [],
};
const alone = {} as Alone;
const tools = [{ name: "find", description: "", inputSchema: {} }];

/** A server that comes up with some of what it can be given, and what it was given at each attempt. */
function attempts(enough: (given: Given) => boolean, answers: readonly Offer[], granted: readonly Offer[] = []) {
  const tried: Given[] = [];
  const asked: string[] = [];
  const options: ListAlone = {
    stack: "lan",
    granted: new Set(granted),
    ask: async (question) => {
      asked.push(question);
      return answers.some((one) =>
        question.includes({ env: "variables", secrets: "secrets", network: "network" }[one]),
      );
    },
    secretsOf: async (names) => Object.fromEntries(names.map((name) => [name, `value of ${name}`])),
    list: async (_server, given) => {
      tried.push(given);
      if (!enough(given)) throw new NotUp("shop", "it ended", ["SHOP_TOKEN is missing"]);
      return tools;
    },
  };
  return { tried, asked, run: () => listWithOffers(shop, alone, options) };
}

test("a server that comes up with nothing is given nothing, and nobody is asked", async () => {
  const { tried, asked, run } = attempts(() => true, ["env", "secrets", "network"]);
  assert.deepEqual(await run(), tools);
  assert.deepEqual(tried, [{ env: false, secrets: undefined, network: false }]);
  assert.deepEqual(asked, []);
});

test("without a yes it is given nothing, and the error says what could be", async () => {
  const { tried, asked, run } = attempts(() => false, []);
  await assert.rejects(run(), (error: Error) => {
    assert.match(error.message, /^shop: does not come up in a throw-away container: it ended\n.*\n {4}SHOP_TOKEN is/);
    assert.match(error.message, /To try it with more: --with-env --with-secrets --with-network$/);
    return true;
  });
  assert.equal(tried.length, 1);
  assert.equal(asked.length, 3);
  assert.match(asked[0]!, /SHOP_TOKEN is missing\n[^]*its variables of stack lan/);
});

test("with a yes it is tried again with that alone, and asked for the rest", async () => {
  const { tried, run } = attempts(({ secrets }) => secrets !== undefined, ["secrets"]);
  assert.deepEqual(await run(), tools);
  assert.deepEqual(tried.at(-1), { env: false, secrets: { shopToken: "value of shopToken" }, network: false });
});

test("what the command line grants is given at once, and is offered no more", async () => {
  const { tried, asked, run } = attempts(() => false, [], ["env", "network", "secrets"]);
  await assert.rejects(run(), (error: Error) => !error.message.includes("To try it with more"));
  assert.deepEqual(tried, [{ env: true, secrets: { shopToken: "value of shopToken" }, network: true }]);
  assert.deepEqual(asked, []);
});

test("an error that more would not mend is no reason to ask", async () => {
  const options = {
    stack: "lan",
    granted: new Set<Offer>(),
    ask: async () => assert.fail(),
    secretsOf: async () => ({}),
  };
  const list = async () => {
    throw new Error("no daemon");
  };
  await assert.rejects(listWithOffers(shop, alone, { ...options, list }), /no daemon/);
});

for (const [title, server, deployed, options, expected] of [
  ["one that runs is asked at its adapter", {}, { runs: true }, {}, "adapter"],
  ["one without an adapter at the gateway", { hasNoAdapter: true }, { runs: true }, {}, "gateway"],
  ["one that does not run, alone, if it is named", {}, { runs: false }, { isNamed: true }, "alone"],
  ["one that does not run, and that nobody named, not at all", {}, { runs: false }, {}, undefined],
  ["one that runs as something else than its folder says, alone", {}, { runs: true, differs: "x" }, {}, "alone"],
  ["with --fresh one that runs, alone", { hasNoAdapter: true }, { runs: true }, { fresh: true }, "alone"],
  ["with --fresh one that is off, not at all", { isEnabled: false }, { runs: false }, { fresh: true }, undefined],
] as const)
  test(title, () =>
    assert.equal(placeOf({ ...shop, ...server }, deployed, { fresh: false, isNamed: false, ...options }), expected),
  );

test("of an adapter's log, what the server itself wrote is shown, with nothing that steers the terminal", () => {
  const line = (event: string, more = {}) => JSON.stringify({ time: "t", source: "adapter", event, ...more });
  const log = [line("listening"), line("stderr", { text: "no key\u001b[2K" }), "plain", "", line("server away")];
  assert.deepEqual(ownWords(log.join("\n")), ["no key<U+001B>[2K", "plain"]);
});

test("only what is named on the command line is granted", () => {
  assert.deepEqual([...grantedBy({ yes: true, fresh: true, all: true })], []);
  assert.deepEqual([...grantedBy({ withNetwork: true, withEnv: true })], ["env", "network"]);
});
