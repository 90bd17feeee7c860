import assert from "node:assert/strict";
import { test } from "node:test";
import { docker } from "../e2e/docker.ts";
import { ask, call, type Question, SERVERS } from "./questions.ts";
import { records, rows } from "./records.ts";
import { counted, seconds, tell } from "./seen.ts";
import { crash, deployed } from "./stack.ts";

// Each call has its own answer, one record, and one row of LiteLLM's: of many calls at once, and while containers crash.
const CLIENTS = Array.from({ length: 16 }, (_, at) => `client-${at + 1}`);
const CALLS = 10_000;
const CALLS_OVER_CRASHES = 3_000;

const stack = deployed("faults-calls", 19000, CLIENTS);

interface Made extends Question {
  readonly client: string;
  readonly ms: number;
  readonly problem: string | undefined;
}

/** So many calls of all clients at once, each of another server than the one before. */
async function calls(count: number, told: (made: number) => void = () => {}): Promise<Made[]> {
  const { base, keys } = stack();
  const made: Made[] = [];
  let begun = 0;
  await Promise.all(
    CLIENTS.map(async (client) => {
      while (begun < count) {
        const at = begun++;
        const question = ask(SERVERS[at % SERVERS.length]!, at);
        const { began, ended, problem } = await call(base, keys[client]!, question);
        made.push({ ...question, client, ms: ended - began, problem });
        told(made.length);
        // Nobody asks a thousand times a second whether the gateway is there again.
        if (problem?.startsWith("no answer")) await new Promise((resolve) => setTimeout(resolve, 1_000));
      }
    }),
  );
  return made;
}

test(`${CALLS} calls of ${CLIENTS.length} clients: each has its own answer, one record and one row`, async () => {
  const began = Date.now();
  const made = await calls(CALLS, (count) => {
    if (count % 1_000 === 0) console.log(`${count} calls after ${Math.round((Date.now() - began) / 1000)} s`);
  });
  const problems = made.flatMap(({ problem }) => problem ?? []);
  assert.deepEqual(problems.slice(0, 10), [], `${problems.length} of ${made.length} calls`);

  const recorded = await records(stack().workspace);
  const wrong = made.filter(({ id, client, server, tool }) => {
    const [record, ...others] = recorded.get(id) ?? [];
    return !(
      record?.outcome === "answered" &&
      record.client === client &&
      record.server === server &&
      record.tool === tool &&
      !others.length
    );
  });
  assert.deepEqual(wrong.slice(0, 5), [], `${wrong.length} calls have no record, another or several`);

  const written = await rows(docker, `${stack().prefix}postgres`, CALLS);
  const without = made.filter(({ id }) => written.get(id) !== 1);
  console.log(`${made.length} calls: ${recorded.size} in the record, ${written.size} rows`);
  assert.deepEqual(without.slice(0, 5), [], `${without.length} calls have no row of LiteLLM's, or several`);
});

test(`${CALLS_OVER_CRASHES} calls while each container crashes: nobody gets another's answer, and each call has one record`, async () => {
  const { prefix } = stack();
  const crashing = ["mcp-everything", "litellm", "postgres", "mcp-postgres", "ingress", "mcp-time", "mcp-memory"];
  const crashed: Promise<void>[] = [];
  const made = await calls(CALLS_OVER_CRASHES, (count) => {
    if (count % 350 === 0 && crashing.length) crashed.push(crash(`${prefix}${crashing.shift()}`));
  });
  await Promise.all(crashed);
  assert.deepEqual(crashing, [], "containers that did not crash");
  const answered = made.filter(({ problem }) => problem === undefined);
  const lost = made.filter(({ problem }) => problem !== undefined);
  assert.deepEqual(
    lost.filter(({ problem }) => problem!.startsWith("another answer")),
    [],
  );

  const recorded = await records(stack().workspace);
  const outcomeOf = ({ id }: Made) => (recorded.get(id) ?? []).map(({ outcome }) => outcome).join();
  // No answer waits until the disk has what came of the call: of each client one may be of the moment in which the ingress is killed.
  const unknown = answered.filter((one) => outcomeOf(one) === "unknown");
  assert.equal(
    new Set(unknown.map(({ client }) => client)).size,
    unknown.length,
    "of one client more than one is unknown",
  );
  const without = answered.filter((one) => outcomeOf(one) !== "answered" && !unknown.includes(one));
  assert.deepEqual(without.slice(0, 5), [], `${without.length} calls that were answered have no such record`);
  const twice = made.filter(({ id }) => (recorded.get(id)?.length ?? 0) > 1);
  assert.deepEqual(twice.slice(0, 5), []);
  const outcomes = lost.map(({ id }) => recorded.get(id)?.[0]?.outcome ?? "no record");
  const written = await rows(docker, `${prefix}postgres`, CALLS + answered.length);
  const rowless = answered.filter(({ id }) => !written.has(id));
  tell([
    {
      fault: `${made.length} calls of ${CLIENTS.length} clients while seven containers crash, one after the other`,
      others: "see `crashes`",
      itself: `the longest call took ${seconds(Math.max(...made.map(({ ms }) => ms)))}`,
      lost: `${lost.length} calls, of which the record says: ${counted(outcomes)}; answered, and of an unknown outcome in the record: ${unknown.length}; answered, and without a row of LiteLLM's: ${rowless.length}`,
    },
  ]);
  console.log(counted(lost.map((one) => `${one.server}: ${one.problem}`)));
});
