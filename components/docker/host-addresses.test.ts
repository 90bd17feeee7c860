import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { hostAddresses, localAddresses } from "./host-addresses.ts";

/** As Linux writes it, shortened. */
const TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.168.1.0/24 2 0 2
        |-- 192.168.1.0
           /24 link UNICAST
        |-- 192.168.1.10
           /32 host LOCAL
        |-- 192.168.1.255
           /32 link BROADCAST
Local:
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.168.1.10
        /32 host LOCAL
`;

test("the addresses of a host are those that its routing table calls its own", () => {
  assert.deepEqual(localAddresses(TRIE), ["192.168.1.10", "127.0.0.1"]);
  assert.deepEqual(localAddresses("cat: not found"), []);
});

test("of a daemon on this machine they are this machine's; of another one behind a socket nobody knows them", async () => {
  const socket = { host: "unix:///var/run/docker.sock", sshOpts: [] };
  assert.ok((await hostAddresses(socket, hostname()))?.includes("127.0.0.1"));
  assert.equal(await hostAddresses(socket, `not-${hostname()}`), undefined);
});

test("a host over ssh says its own; one that runs nothing but docker says none", async (t) => {
  const remote = { host: "ssh://me@server", sshOpts: [] };
  await t.test("says its own", async (each) => {
    await replaceSsh(each, `cat <<'END'\nserver\n${TRIE}END`);
    assert.deepEqual(await hostAddresses(remote, "server"), ["192.168.1.10", "127.0.0.1"]);
  });
  await t.test("says none", async (each) => {
    await replaceSsh(each, "echo 'This account is for docker only' >&2; exit 1");
    assert.equal(await hostAddresses(remote, "server"), undefined);
  });
});
