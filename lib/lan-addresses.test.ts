import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import { lanAddressAdvice, LanAddresses } from "./lan-addresses.ts";

const own = new BlockList();
own.addSubnet("172.20.0.0", 16);

const reasonOf = (entries: readonly string[], address: string, port = 80) =>
  new LanAddresses(entries).refused(address, port, own)?.reason;

for (const entry of [
  "192.168.1.20",
  "10.0.0.1:8080",
  "100.64.0.9:1",
  "192.168.1.0/24",
  "10.0.0.0/8",
  "169.254.169.254",
  "198.18.0.0/16",
])
  test(`${entry} can be named`, () => assert.equal(lanAddressAdvice(entry), undefined));

for (const [entry, said] of [
  ["router.lan", /^an address of the LAN/],
  ["192.168.1", /^an address of the LAN/],
  ["192.168.1.300", /^an address of the LAN/],
  ["192.168.1.20:0", /^an address of the LAN/],
  ["192.168.1.20:65536", /^an address of the LAN/],
  ["192.168.1.0/33", /^an address of the LAN/],
  ["192.168.1.0/24:80", /^an address of the LAN/],
  ["http://192.168.1.20", /^an address of the LAN/],
  ["fd12::1", /^an address of the LAN/],
  ["8.8.8.8", /^leave it out: this is a public address/],
  ["192.168.0.0/8", /^a network of private addresses/],
  ["172.16.0.0/11", /^a network of private addresses/],
  ["127.0.0.1", /: this is a loopback address$/],
  ["127.0.0.1:8080", /: this is a loopback address$/],
  ["169.254.0.0/16", /: this is a link-local or metadata address$/],
  ["0.0.0.0/0", /: this is an address of no host$/],
] as const)
  test(`${entry} cannot be named`, () => assert.match(lanAddressAdvice(entry) ?? "", said));

test("what is public is open, and what is private is not", () => {
  for (const address of ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8"])
    assert.equal(reasonOf([], address, 8080), undefined);
  for (const address of ["10.0.0.1", "192.168.1.20", "100.64.0.1", "192.0.2.1", "198.19.0.1"])
    assert.equal(reasonOf([], address), "a private address", address);
  for (const address of ["fd12::1", "::ffff:10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1"])
    assert.equal(reasonOf(["10.0.0.0/8"], address), "a private address of IPv6", address);
});

test("an address without a port is a page, one with a port that port alone", () => {
  for (const port of [80, 443]) assert.equal(reasonOf(["192.168.1.20"], "192.168.1.20", port), undefined);
  for (const port of [22, 2375, 5432, 8080])
    assert.equal(reasonOf(["192.168.1.20"], "192.168.1.20", port), "a private address", String(port));
  assert.equal(reasonOf(["192.168.1.20:8080"], "192.168.1.20", 8080), undefined);
  assert.equal(reasonOf(["192.168.1.20:8080"], "192.168.1.20", 80), "a private address");
  assert.equal(reasonOf(["192.168.1.20"], "192.168.1.2"), "a private address");
});

test("a network opens pages, and nothing of the gateway's own networks", () => {
  const entries = ["192.168.1.0/24", "172.16.0.0/12", "100.64.0.0/10"];
  assert.equal(reasonOf(entries, "192.168.1.255"), undefined);
  assert.equal(reasonOf(entries, "192.168.2.1"), "a private address");
  assert.equal(reasonOf(entries, "192.168.1.9", 2375), "a private address");
  assert.equal(reasonOf(entries, "172.19.0.3"), undefined);
  assert.equal(reasonOf(entries, "172.20.0.3"), "an address of the gateway's own networks");
  // Also where they have public addresses, which Docker can be told to take.
  const odd = new BlockList();
  odd.addSubnet("11.0.0.0", 24);
  assert.equal(new LanAddresses([]).refused("11.0.0.3", 80, odd)?.reason, "an address of the gateway's own networks");
  assert.equal(reasonOf(entries, "100.100.100.200"), "a link-local or metadata address");
  // Whoever names one of these means it.
  assert.equal(reasonOf(["172.20.0.3:4000"], "172.20.0.3", 4000), undefined);
  assert.equal(reasonOf(["169.254.169.254"], "169.254.169.254"), undefined);
});

test("the own machine is not opened by anything", () => {
  for (const address of ["127.0.0.1", "127.8.8.8", "0.0.0.0", "::1", "::ffff:127.0.0.1", "224.0.0.1"])
    assert.notEqual(reasonOf(["10.0.0.0/8", "127.0.0.1", "0.0.0.0"], address), undefined, address);
});

test("what would open an address is said where something can", () => {
  const write = (address: string, port: number) => new LanAddresses([]).refused(address, port, own)?.write;
  assert.equal(write("192.168.1.20", 80), "192.168.1.20");
  assert.equal(write("192.168.1.20", 8080), "192.168.1.20:8080");
  for (const address of ["127.0.0.1", "172.20.0.3", "fd12::1", "169.254.169.254"])
    assert.equal(write(address, 80), undefined);
});

test("an entry that is none is no silent hole", () => {
  assert.throws(() => new LanAddresses(["192.168.1.0/99"]), /192\.168\.1\.0\/99: an address of the LAN/);
});
