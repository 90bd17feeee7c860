import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { showResult, verdict } from "./show.ts";
import { type Found, runSteps, type Step } from "./steps.ts";

const step = (name: string, needs: readonly string[], found: Found | Error): Step => ({
  name,
  needs,
  run: () => (found instanceof Error ? Promise.reject(found) : Promise.resolve(found)),
});
const outcomes = async (...steps: Step[]) =>
  (await runSteps(steps, () => {})).map(({ step: name, outcome }) => `${name} ${outcome}`);

test("a step that needs what has failed is not tried, nor what needs that; all others are", async () => {
  const broken = { findings: [{ seen: "stopped" }] };
  assert.deepEqual(
    await outcomes(
      step("containers", [], broken),
      step("servers", [], { said: "fine" }),
      step("tools", ["containers"], new Error("never run")),
      step("audit", ["tools"], new Error("never run")),
    ),
    ["containers failed", "servers good", "tools not tried", "audit not tried"],
  );
});

test("what a step needs may not apply to the stack", async () => {
  const notHere = { notHere: "Postgres is on another machine" };
  assert.deepEqual(await outcomes(step("postgres", [], notHere), step("tools", ["postgres"], { said: "2" })), [
    "postgres not here",
    "tools good",
  ]);
});

test("each step is told as it ends, and an error is what it has seen", async () => {
  const told: string[] = [];
  const [result] = await runSteps([step("tools", [], new Error("no answer"))], ({ step: name }) => told.push(name));
  assert.deepEqual([told, result!.outcome, result!.findings], [["tools"], "failed", [{ seen: "no answer" }]]);
});

test("a line for each step with its seconds; what failed has what it means below; the rest is named at the end", async () => {
  const results = await runSteps(
    [
      step("containers", [], {
        findings: [{ seen: "container postgres is stopped", means: "no rows", fix: "npm run up" }],
      }),
      step("servers", [], { said: "2 containers" }),
      step("tools", ["containers"], { said: "never" }),
    ],
    () => {},
  );
  const lines = [...results.flatMap((one) => showResult(one) ?? []), verdict("lan", results)].join("\n");
  assert.equal(
    stripVTControlCharacters(lines),
    `✖ containers    0.0 s
  container postgres is stopped
    means  no rows
    do     npm run up
✔ servers       0.0 s  2 containers
Not tried, because each needs what failed: tools.
Stack lan: containers failed. npm run doctor -- --stack lan looks further.`,
  );
});

test("where all is well the last line says how many steps there were", async () => {
  const results = await runSteps(
    [step("tools", [], { said: "2" }), step("models", [], { notHere: "money" })],
    () => {},
  );
  assert.match(
    stripVTControlCharacters(verdict("local", results)),
    /^Stack local does what it should: 1 of 2 steps, 0\.0 s\.$/,
  );
  assert.match(stripVTControlCharacters(showResult(results[1]!) ?? ""), /^– models +0\.0 s {2}money$/);
});
