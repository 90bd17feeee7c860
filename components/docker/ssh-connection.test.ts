import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { listensOverSsh, SshConnection, SshForwardingError } from "./ssh-connection.ts";

const endpoint = { host: "ssh://me@server:2222", sshOpts: ["-o", "BatchMode=yes"] };

test("a port of the host's loopback is reached by ssh -W with the options given", async (t) => {
  const folder = await replaceSsh(t, `echo "$@" > "$(dirname "$0")/arguments"\nexec cat`);
  const connection = new SshConnection(endpoint, { port: 5432 });
  connection.end("there and back");
  const [answer] = (await once(connection, "data")) as [Buffer];
  assert.equal(String(answer), "there and back");
  assert.equal(
    (await readFile(path.join(folder, "arguments"), "utf8")).trim(),
    "-o BatchMode=yes -l me -p 2222 -W 127.0.0.1:5432 -- server",
  );
});

test("whether a port of the host's loopback is free is what ssh says of it", async (t) => {
  await t.test("nobody listens", async (t) => {
    await replaceSsh(
      t,
      "echo 'channel 0: open failed: connect failed: Connection refused' >&2; echo 'stdio forwarding failed' >&2; exit 255",
    );
    assert.equal(await listensOverSsh(endpoint, 4001, 5_000), false);
  });
  await t.test("whoever listens ends the connection", async (t) => {
    await replaceSsh(t, "exec cat");
    assert.equal(await listensOverSsh(endpoint, 4001, 5_000), true);
  });
  await t.test("whoever listens says nothing", async (t) => {
    await replaceSsh(t, "exec sleep 20");
    assert.equal(await listensOverSsh(endpoint, 4001, 200), true);
  });
  await t.test("sshd forbids it", async (t) => {
    await replaceSsh(t, "echo 'channel 0: open failed: administratively prohibited: open failed' >&2; exit 255");
    await assert.rejects(listensOverSsh(endpoint, 4001, 5_000), SshForwardingError);
  });
  await t.test("ssh fails", async (t) => {
    await replaceSsh(t, "echo 'Permission denied (publickey).' >&2; exit 255");
    await assert.rejects(listensOverSsh(endpoint, 4001, 5_000), /^Error: Permission denied \(publickey\)\.$/);
  });
});
