import assert from "node:assert/strict";
import { test } from "node:test";
import { addressProblems } from "./host-addresses.ts";

test("an address that the host does not have is refused once, with those that it has", () => {
  const ports = [{ address: "192.168.1.11" }, { address: "192.168.1.11" }, { address: "127.0.0.1" }];
  assert.deepEqual(addressProblems(ports, ["127.0.0.1", "192.168.1.10", "172.17.0.1"], ["172.17.0.1"]), [
    "192.168.1.11 is no address of the host, which has 192.168.1.10. " +
      "Write the one by which the LAN reaches it at litellm-mcp:lan.address",
  ]);
  assert.deepEqual(addressProblems([{ address: "192.168.1.10" }], ["192.168.1.10"]), []);
  assert.deepEqual(addressProblems(ports, undefined), []);
});
