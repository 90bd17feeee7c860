import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { Remote } from "../../adapter/remote.ts";
import { adapterFor, lockOf, type Told, TOKEN } from "../../adapter/testing.ts";
import { conformance, passing, type Results, startHttp, type Target, targets, type Upstream } from "./conformance.ts";
import { npmPrograms } from "./programs.ts";
import { behindProxy } from "./proxy.ts";

// The conformance suite of the protocol's own project: what a server does by itself, it does
// behind an adapter, whatever the adapter speaks to it. And the other way round for what is listed here.

const ONE_FOR_MANY =
  "the server asks its client while it works; behind the adapter many clients share one server, and nobody could say which of them it asks";
/** The only scenarios that a server passes by itself and not behind an adapter. One that passes again has to leave this list. */
const NOT_THROUGH: Readonly<Record<string, string>> = {
  "elicitation-sep1034-defaults": ONE_FOR_MANY,
  "elicitation-sep1330-enums": ONE_FOR_MANY,
  "tools-call-elicitation": ONE_FOR_MANY,
  "tools-call-sampling": ONE_FOR_MANY,
};

const programs = await npmPrograms();

async function listedBy(target: Target) {
  const [command, ...args] = target.command("stdio", 0);
  const client = new Client({ name: "test", version: "1" });
  await client.connect(
    new StdioClientTransport({ command: command!, args, stderr: "ignore", env: { PATH: process.env.PATH! } }),
  );
  const { tools } = await client.listTools();
  await client.close();
  return tools;
}

for (const [name, target] of Object.entries(targets(programs))) {
  let itself: Results | undefined;
  const direct = async (t: TestContext) =>
    (itself ??= await conformance(t, programs, String(await startHttp(t, target, "http"))));

  test(`conformance: ${name}, by itself`, async (t) => {
    const passed = passing(await direct(t));
    t.diagnostic(`${passed.length} of ${Object.keys(itself!).length} scenarios pass`);
    assert.ok(passed.length >= target.passes, passed.join(", "));
  });

  for (const upstream of ["stdio", "http", "sse"] as const)
    test(`conformance: ${name}, behind an adapter that speaks ${upstream} to it`, async (t) => {
      const before = await direct(t);
      const told: Told = { lock: lockOf(await listedBy(target)) };
      const { url, isUp, upstream: server } = await adapterFor(t, { ...told, ...(await way(t, target, upstream)) });
      await isUp();
      assert.deepEqual([server.catalogue.withheld, server.catalogue.missing], [0, []]);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const through = await conformance(t, programs, `${await behindProxy(t, url, { headers })}/mcp`);
      t.diagnostic(`${passing(through).length} of ${Object.keys(through).length} scenarios pass`);
      const passes = new Set(passing(through));
      const more = [...passes].filter((scenario) => !passing(before).includes(scenario));
      if (more.length) t.diagnostic(`only behind the adapter: ${more.join(", ")}`);
      assert.deepEqual(
        passing(before).filter((scenario) => !passes.has(scenario)),
        passing(before)
          .filter((scenario) => scenario in NOT_THROUGH)
          .sort(),
        "what passes without the adapter and not behind it, against the list of what cannot",
      );
      // Of scenarios that fail without the adapter as well, no check fails that passed.
      for (const [scenario, { passed }] of Object.entries(before))
        if (!(scenario in NOT_THROUGH)) assert.ok(through[scenario]!.passed >= passed, scenario);
    });
}

async function way(t: TestContext, target: Target, upstream: Upstream): Promise<Told> {
  if (upstream === "stdio") return { command: target.command("stdio", 0) };
  const url = await startHttp(t, target, upstream);
  return {
    link: (events) =>
      new Remote(
        {
          ...{ url, transport: upstream, headers: {}, answerBytes: 2 ** 23 },
          reach: { isPublic: false, loopback: true },
        },
        events,
      ),
  };
}
