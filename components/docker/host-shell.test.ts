import assert from "node:assert/strict";
import { test } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { printedOnHost } from "./host-shell.ts";

const remote = { host: "ssh://me@server", sshOpts: [] };

test("a script is run on this machine for a socket, and what fails in it takes nothing from the rest", async () => {
  const local = { host: "unix:///var/run/docker.sock", sshOpts: [] };
  assert.equal(await printedOnHost(local, "echo one; false; echo two"), "one\ntwo");
});

test("a script is run over ssh", async (t) => {
  // The command is the last argument of ssh.
  await replaceSsh(t, 'for last; do :; done; sh -c "$last"');
  assert.equal(await printedOnHost(remote, "echo one; nosuchcommand"), "one\n");
});

test("a host that refuses, and one that never answers, print nothing", async (t) => {
  await t.test("refuses", async (each) => {
    await replaceSsh(each, "echo 'This account is for docker only' >&2; exit 1");
    assert.equal(await printedOnHost(remote, "echo one"), "");
  });
  await t.test("never answers", async (each) => {
    await replaceSsh(each, "exec sleep 600");
    assert.equal(await printedOnHost(remote, "echo one", 200), "");
  });
});
