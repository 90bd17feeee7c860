import assert from "node:assert/strict";
import { test } from "node:test";
import { inOrder } from "./port-order.ts";

test("ports are said in the order in which the daemon has them", () => {
  const [lan, loopback, other] = [{ external: 4000, internal: 4000 }, { external: 4001, internal: 4000 }, { external: 1, internal: 80 }];
  assert.deepEqual(inOrder([lan, loopback, other], [4001, 4000]), [other, loopback, lan]);
  assert.deepEqual(inOrder([loopback, lan], [4000, 4001]), [lan, loopback]);
  assert.deepEqual(inOrder([lan, loopback], []), [lan, loopback]);
});
