import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { connectDocker, demultiplex, framesOf } from "./docker-connection.ts";

test("over ssh, the docker API is spoken through `docker system dial-stdio` with the options given", async (t) => {
  const folder = await replaceSsh(
    t,
    `echo "$@" > "$(dirname "$0")/arguments"
read request
printf 'HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: 19\\r\\nConnection: close\\r\\n\\r\\n[{"Id":"abc12345"}]'`,
  );
  const docker = connectDocker({ host: "ssh://me@server:2222", sshOpts: ["-o", "BatchMode=yes"] });
  const containers = await docker.listContainers();
  assert.equal(containers.length, 1);
  assert.equal(
    (await readFile(path.join(folder, "arguments"), "utf8")).trim(),
    "-o BatchMode=yes -l me -p 2222 -- server docker system dial-stdio",
  );
});

test("what ssh complains about reaches the caller", async (t) => {
  await replaceSsh(t, "echo 'Host key verification failed.' >&2; exit 255");
  await assert.rejects(
    connectDocker({ host: "ssh://server", sshOpts: [] }).listContainers(),
    /Host key verification failed/,
  );
});

test("a host that is neither socket nor ssh is refused", () => {
  assert.throws(
    () => connectDocker({ host: "tcp://server:2375", sshOpts: [] }),
    /tcp:\/\/server:2375: a Docker host is reached by unix:\/\/ or ssh:\/\//,
  );
});

const frame = (stream: number, text: string) => {
  const head = Buffer.alloc(8);
  head.writeUInt8(stream, 0);
  head.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

test("Docker's framing is taken out of logs", () => {
  assert.equal(demultiplex(Buffer.concat([frame(1, "out\n"), frame(2, "für err\n")])), "out\nfür err\n");
});

for (const size of [1, 7, 8, 9, 1_000])
  test(`framing is taken out of a stream that comes in pieces of ${size} bytes`, async () => {
    const all = Buffer.concat([frame(1, "für out"), frame(2, "err"), frame(1, ""), frame(1, "more")]);
    const pieces = async function* () {
      for (let at = 0; at < all.length; at += size) yield all.subarray(at, at + size);
    };
    const found: [boolean, string][] = [];
    for await (const { isError, bytes } of framesOf(pieces())) found.push([isError, bytes.toString()]);
    assert.deepEqual(found, [
      [false, "für out"],
      [true, "err"],
      [false, ""],
      [false, "more"],
    ]);
  });

test("a connection that ends in the middle is no end of what a command printed", async () => {
  const all = Buffer.concat([frame(1, "whole"), frame(1, "not whole")]);
  const cut = async function* () {
    yield all.subarray(0, all.length - 1);
  };
  const read = async () => {
    for await (const { bytes } of framesOf(cut())) assert.equal(bytes.toString(), "whole");
  };
  await assert.rejects(read(), /ended in the middle of what a command printed/);
});
