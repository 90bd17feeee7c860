import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readLock, readUrlVariables, readVariables, withoutOwn } from "./variables.ts";

const least = { ADAPTER_SERVER: "git", ADAPTER_TOKEN: "0123456789abcdef", PATH: "/bin" };
const lockFile = fileURLToPath(new URL("../mcp/git/tools.lock.json", import.meta.url));

test("a server and a token are enough, and then nothing is shown", () => {
  const read = readVariables(least);
  assert.equal(read.ADAPTER_PORT, 8000);
  assert.deepEqual(read.ADAPTER_TOOL_SECONDS, {});
  assert.deepEqual(readLock(read), {});
});

test("the lock is the file that `npm run tools -- approve` wrote, unless everything is to be shown", () => {
  const locked = { ...least, ADAPTER_TOOL_LOCK: lockFile };
  assert.ok(Object.hasOwn(readLock(readVariables(locked)) as object, "git_add"));
  assert.equal(readLock(readVariables({ ...locked, ADAPTER_SHOW_ALL_TOOLS: "true" })), "everything");
  assert.throws(() => readLock(readVariables({ ...least, ADAPTER_TOOL_LOCK: `${lockFile}.gone` })), /ENOENT/);
  assert.throws(() => readLock(readVariables({ ...least, ADAPTER_TOOL_LOCK: fileURLToPath(import.meta.url) })));
});

for (const wrong of [
  { ADAPTER_TOKEN: "short" },
  { ADAPTER_TOKEN: undefined },
  { ADAPTER_SHOW_ALL_TOOLS: "yes" },
  { ADAPTER_CALL_SECONDS: "0" },
  { ADAPTER_CALLS_AT_ONCE: "many" },
  { ADAPTER_TOOL_SECONDS: '{"a":"b"}' },
])
  test(`${JSON.stringify(wrong)} is refused`, () => assert.throws(() => readVariables({ ...least, ...wrong })));

test("a server elsewhere has a URL, its transport and headers, and is within the private networks", () => {
  const read = readUrlVariables({
    ADAPTER_URL: "http://files:8000/mcp?a=1",
    ADAPTER_URL_TRANSPORT: "http",
    ADAPTER_URL_HEADERS: '{"Authorization":"Bearer abc"}',
  });
  assert.equal(read.ADAPTER_URL.href, "http://files:8000/mcp?a=1");
  assert.deepEqual(read.ADAPTER_URL_HEADERS, { authorization: "Bearer abc" });
  assert.equal(read.ADAPTER_URL_PUBLIC, "false");
});

for (const wrong of [
  { ADAPTER_URL: undefined },
  { ADAPTER_URL: "files:8000/s3cret" },
  { ADAPTER_URL: "ftp://files/s3cret" },
  { ADAPTER_URL: "http://" },
  { ADAPTER_URL: "http://user:s3cret@files/mcp" },
  { ADAPTER_URL: "http://s3cret@files/mcp" },
  { ADAPTER_URL: "http://files/mcp#s3cret" },
  { ADAPTER_URL_TRANSPORT: undefined },
  { ADAPTER_URL_TRANSPORT: "stdio" },
  { ADAPTER_URL_PUBLIC: "yes" },
  { ADAPTER_URL_HEADERS: '{"authorization":"s3cret' },
  { ADAPTER_URL_HEADERS: '{"host":"s3cret"}' },
])
  test(`${JSON.stringify(wrong)} is refused, and nothing secret is shown`, () =>
    assert.throws(
      () => readUrlVariables({ ADAPTER_URL: "http://files/mcp", ADAPTER_URL_TRANSPORT: "sse", ...wrong }),
      ({ message }: Error) => message.includes(Object.keys(wrong)[0]!) && !message.includes("s3cret"),
    ));

test("the server gets none of the adapter's variables", () => {
  assert.deepEqual(withoutOwn(least), { PATH: "/bin" });
});
