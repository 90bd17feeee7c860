import assert from "node:assert/strict";
import { hostname } from "node:os";
import { test } from "node:test";
import { addressProblems, hostAddresses, localAddresses } from "./host-addresses.ts";

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

test("an address that the host does not have is refused once, with those that it has", () => {
  const ports = [{ address: "192.168.1.11" }, { address: "192.168.1.11" }, { address: "127.0.0.1" }];
  assert.deepEqual(addressProblems(ports, ["127.0.0.1", "192.168.1.10", "172.17.0.1"], ["172.17.0.1"]), [
    "192.168.1.11 is no address of the host, which has 192.168.1.10. " +
      "Write the one by which the LAN reaches it at litellm-mcp:lan.address",
  ]);
  assert.deepEqual(addressProblems([{ address: "192.168.1.10" }], ["192.168.1.10"]), []);
  assert.deepEqual(addressProblems(ports, undefined), []);
});
