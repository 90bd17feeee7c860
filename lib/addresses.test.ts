import assert from "node:assert/strict";
import { test } from "node:test";
import { lookupWithin, refusedAddress, refusedHost } from "./addresses.ts";

const inside = { isPublic: false };
const outside = { isPublic: true };

for (const address of ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fd12::1", "fc00::1"])
  test(`${address} is private`, () => {
    assert.equal(refusedAddress(address, inside), undefined);
    assert.equal(refusedAddress(address, outside), undefined);
  });

for (const address of [
  "8.8.8.8",
  "172.32.0.1",
  "192.169.0.1",
  "100.128.0.1",
  "11.0.0.1",
  "2606:4700::1",
  "::ffff:8.8.8.8",
])
  test(`${address} is public`, () => {
    assert.equal(refusedAddress(address, inside), "a public address");
    assert.equal(refusedAddress(address, outside), undefined);
  });

for (const [address, what] of [
  ...["127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:1"].map(
    (each) => [each, "a loopback address"] as const,
  ),
  ...[
    ...["169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "fe80::1", "fe80::1%eth0"],
    ...["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "::ffff:100.100.100.200"],
  ].map((each) => [each, "a link-local or metadata address"] as const),
  ...[
    ...["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::10.0.0.1", "::127.0.0.1"],
    ...["::ffff:0.0.0.0", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "fec0::1", "ff02::1"],
  ].map((each) => [each, "an address of no host"] as const),
  ...["", "localhost", "10.1", "0x7f.1", "127.0.0.1.nip.example"].map((each) => [each, "no address"] as const),
] as const)
  test(`"${address}" is ${what}, and is refused outside as well`, () => {
    assert.equal(refusedAddress(address, inside), what);
    assert.equal(refusedAddress(address, outside), what);
  });

test("a URL has an address in whatever notation, or a name, which is looked up", () => {
  for (const host of ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "127。0。0。1"])
    assert.equal(refusedHost(new URL(`http://${host}/`), inside), "a loopback address", host);
  assert.equal(refusedHost(new URL("http://10.0.0.1/"), inside), undefined);
  assert.equal(refusedHost(new URL("http://localhost/"), inside), undefined);
});

test("a name is resolved to what may be reached, or to an error", async () => {
  const lookup = (reach: typeof inside & { loopback?: boolean }, all: boolean) =>
    new Promise((resolve, reject) =>
      lookupWithin(reach)("localhost", { all, family: 4 }, (error, found) => (error ? reject(error) : resolve(found))),
    );
  for (const all of [true, false])
    await assert.rejects(lookup(inside, all), { name: "Error", message: "a loopback address" });
  assert.deepEqual(await lookup({ ...inside, loopback: true }, true), [{ address: "127.0.0.1", family: 4 }]);
  assert.equal(await lookup({ ...inside, loopback: true }, false), "127.0.0.1");
});
