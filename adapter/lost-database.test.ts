import assert from "node:assert/strict";
import { test } from "node:test";
import { lostDatabase } from "./lost-database.ts";

const text = (...texts: string[]) => ({ content: texts.map((one) => ({ type: "text", text: one })) });
const CLOSED = `server closed the connection unexpectedly
\tThis probably means the server terminated abnormally
\tbefore or while processing the request.`;

for (const said of [
  `Error: consuming input failed: ${CLOSED}`,
  `Error executing query: consuming input failed: terminating connection due to administrator command\n${CLOSED}`,
])
  test(`explained: ${said.split("\n")[0]}`, () => {
    assert.match(lostDatabase(text(said)).join(), /^Postgres was started again .* Call the tool again/);
  });

for (const [what, result] of [
  ["rows with such a text", text(`[{'line': '${CLOSED}'}]`)],
  ["another error", text('Error: relation "orders" does not exist')],
  ["several parts", text(`Error: ${CLOSED}`, "more")],
  ["no text", { content: [{ type: "image" }] }],
  ["nothing", {}],
] as const)
  test(`left as it is: ${what}`, () => assert.deepEqual(lostDatabase(result), []));
