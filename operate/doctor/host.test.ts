import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { replaceSsh } from "../../tests/fake-ssh.ts";
import { judgeAddresses, judgeDisk, judgeDocker, judgeMtu, judgeName, judgeNatRules } from "./host.ts";
import { holderOf, hostFacts, readFacts } from "./host-facts.ts";

/** As Debian 12 prints it, with the address of a host in a LAN. */
const PRINTED = `# name
server
# address
Main:
  +-- 0.0.0.0/0 3 0 4
     +-- 127.0.0.0/8 2 0 2
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
     |-- 192.168.1.10
        /32 host LOCAL
     +-- 172.17.0.0/16 2 0 2
        |-- 172.17.0.0
           /16 link UNICAST
        |-- 172.17.0.1
           /32 host LOCAL
# link
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
4: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1400 qdisc pfifo_fast state UP mode DEFAULT group default qlen 1000\\    link/ether 02:fc:00:00:00:01 brd ff:ff:ff:ff:ff:ff
7: br-1b6016e1951a: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default \\    link/ether 02:42:8f:c6:28:c7 brd ff:ff:ff:ff:ff:ff
9: veth6f3@if8: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue master br-1b6016e1951a state UP mode DEFAULT group default \\    link/ether 02:42:8f:c6:28:c8 brd ff:ff:ff:ff:ff:ff
# route
default via 192.168.1.1 dev eth0 proto static
# listen
LISTEN 0      5          127.0.0.1:21100      0.0.0.0:*    users:(("python3",pid=25910,fd=3))
LISTEN 0      4096         0.0.0.0:22         0.0.0.0:*
LISTEN 0      511                *:80               *:*    users:(("nginx",pid=812,fd=6),("nginx",pid=811,fd=6))
LISTEN 0      4096   127.0.0.53%lo:53         0.0.0.0:*    users:(("systemd-resolve",pid=400,fd=14))
# nat
-P POSTROUTING ACCEPT
-N DOCKER
-A POSTROUTING -s 192.168.48.0/20 ! -o br-1b6016e1951a -j MASQUERADE
-A POSTROUTING -s 192.168.48.0/20 ! -o br-0123456789ab -j MASQUERADE
-A POSTROUTING -s 172.30.0.0/16 ! -o br-0123456789ab -j MASQUERADE
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i br-1b6016e1951a -j RETURN
-A DOCKER -d 192.168.1.10/32 ! -i br-1b6016e1951a -p tcp -m tcp --dport 4000 -j DNAT --to-destination 192.168.48.4:4000
-A DOCKER -d 192.168.1.10/32 ! -i br-0123456789ab -p tcp -m tcp --dport 4000 -j DNAT --to-destination 172.30.0.4:4000
-A DOCKER -d 192.168.1.10/32 ! -i br-0123456789ab -p tcp -m tcp --dport 9999 -j DNAT --to-destination 172.30.0.4:4000
`;
const { facts } = readFacts(PRINTED);
const networks = [
  { id: "1b6016e1951a23a148fcb08ce358d67b", name: "egress", subnets: ["192.168.48.0/20"], isInternal: false },
];
const at = (address: string, port = 4000) => [{ container: "ingress", address, port }];

test("what the host's own commands print is read", () => {
  assert.deepEqual(facts.addresses, ["127.0.0.1", "192.168.1.10", "172.17.0.1"]);
  assert.equal(facts.wayOut, "eth0");
  assert.equal(facts.mtus.get("eth0"), 1400);
  assert.equal(facts.mtus.get("veth6f3"), 1500);
  assert.equal(holderOf(facts, "127.0.0.1", 21100), "python3 (process 25910)");
  assert.equal(holderOf(facts, "192.168.1.10", 21100), undefined);
  assert.equal(holderOf(facts, "192.168.1.10", 80), "nginx (process 812)");
  assert.equal(holderOf(facts, "127.0.0.1", 22), undefined);
});

test("a host without these commands, or one that lets nobody run them, is judged by nothing", () => {
  const { facts: none } = readFacts("# name\nserver\n# address\n# link\n# route\n# listen\n# nat\n");
  assert.equal(none.natRules, undefined);
  assert.deepEqual(judgeAddresses(none, at("192.168.1.77")), []);
  assert.deepEqual(judgeNatRules(none, networks, at("192.168.1.10")), []);
  assert.deepEqual(judgeMtu(none, networks), []);
});

const printing = (t: TestContext) => replaceSsh(t, `cat <<'END'\n${PRINTED}END`);

test("the host is asked over ssh, and not believed where the daemon is on another machine", async (t) => {
  await printing(t);
  const endpoint = { host: "ssh://me@server", sshOpts: [] };
  assert.equal((await hostFacts(endpoint, "server"))?.wayOut, "eth0");
  assert.equal(await hostFacts(endpoint, "docker-desktop"), undefined);
});

test("a host that refuses the commands is not asked again", async (t) => {
  await replaceSsh(t, "echo 'This account is for docker only' >&2; exit 1");
  assert.equal(await hostFacts({ host: "ssh://me@server", sshOpts: [] }, "server"), undefined);
});

const info = {
  ...{ Name: "server", ServerVersion: "20.10.24+dfsg1", DockerRootDir: "/var/lib/docker" },
  SystemTime: "2026-11-22T08:55:37.323032489Z",
};
const now = new Date("2026-11-22T08:55:30Z");

test("a clock that is right, and a Docker that is new enough, are no finding", () => {
  assert.deepEqual(judgeDocker(info, now), []);
  assert.deepEqual(judgeDocker({ ...info, ServerVersion: "28.2.2" }, now), []);
  assert.deepEqual(judgeDocker({ ...info, ServerVersion: "library-import" }, now), []);
});

for (const [time, seen] of [
  ["2026-11-22T08:58:30Z", "the clock of server is 180 s ahead of this machine's"],
  ["2026-11-22T08:50:30Z", "the clock of server is 300 s behind this machine's"],
] as const)
  test(seen, () => {
    const [found] = judgeDocker({ ...info, SystemTime: time }, now);
    assert.equal(found?.seen, seen);
    assert.match(found?.means ?? "", /record of calls are wrong/);
    assert.match(found?.fix ?? "", /timedatectl/);
  });

test("a Docker that is too old", () => {
  const [found] = judgeDocker({ ...info, ServerVersion: "19.03.15" }, now);
  assert.equal(found?.seen, "Docker 19.03.15 runs on server");
  assert.match(found?.means ?? "", /older than 20\.10/);
});

const df = (
  blocks: number,
  inodes: number | "-",
  more = "",
) => `Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda         264212084 71200272  24300992      ${blocks}% /var/lib/ingress-audit
Filesystem       Inodes   IUsed    IFree IUse% Mounted on
/dev/vda       16777216 3046588 13730628   ${inodes === "-" ? "-" : `${inodes}%`} /var/lib/ingress-audit
user 10002
${more}`;

test("a disk with room, on which can be written, is no finding", () => {
  assert.deepEqual(judgeDisk(df(75, 19), "/var/lib/docker", "gw-audit"), []);
  assert.deepEqual(judgeDisk(df(75, "-"), "/var/lib/docker", "gw-audit"), []);
});

for (const [what, printed, seen, means, fix] of [
  ["nearly full", df(93, 19), /Docker's data \(\/data\/docker\) is 93 % full$/, /Postgres stops/, /docker system df/],
  ["full of small files", df(40, 100), /40 % full, and 100 % of its inodes are used$/, /Postgres stops/, /image prune/],
  ["full", df(100, 19, "not writable\n"), /100 % full$/, /Postgres stops/, /docker system df/],
  [
    "not writable for the ingress",
    df(40, 19, "not writable\n"),
    /may not write into the volume/,
    /HTTP 503/,
    /inspect -f "\{\{\.Mountpoint\}\}" gw-audit\) && chown -R 10002/,
  ],
] as const)
  test(`a disk that is ${what}`, () => {
    const [found, ...more] = judgeDisk(printed, "/data/docker", "gw-audit");
    assert.deepEqual(more, []);
    assert.match(found?.seen ?? "", seen);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", fix);
  });

test("ports at an address that the host does not have", () => {
  const [found] = judgeAddresses(facts, [...at("192.168.1.77"), ...at("127.0.0.1", 4001)]);
  assert.equal(found?.seen, "ports are published at 192.168.1.77, and the host has 192.168.1.10, 172.17.0.1");
  assert.match(found?.fix ?? "", /litellm-mcp:lan\.address/);
  assert.deepEqual(judgeAddresses(facts, [...at("192.168.1.10"), ...at("127.0.0.1", 4001)]), []);
});

test("NAT rules of a network that is gone are found where they take what is the stack's, and nowhere else", () => {
  const found = judgeNatRules(facts, networks, at("192.168.1.10"));
  assert.deepEqual(
    found.map(({ fix }) => fix),
    [
      "on the host: sudo iptables -t nat -D POSTROUTING -s 192.168.48.0/20 ! -o br-0123456789ab -j MASQUERADE",
      "on the host: sudo iptables -t nat -D DOCKER -d 192.168.1.10/32 ! -i br-0123456789ab -p tcp -m tcp --dport 4000 -j DNAT --to-destination 172.30.0.4:4000",
    ],
  );
  assert.match(found[0]?.means ?? "", /times out/);
});

test("packets that are larger than the way out takes, of networks that have one", () => {
  const [found] = judgeMtu(facts, networks);
  assert.equal(found?.seen, "network egress sends packets of 1500 bytes, and eth0 of the host takes 1400");
  assert.match(found?.fix ?? "", /"mtu": 1400 in \/etc\/docker\/daemon\.json/);
  assert.deepEqual(judgeMtu(facts, [{ ...networks[0]!, isInternal: true }]), []);
  assert.deepEqual(judgeMtu({ ...facts, mtus: new Map([...facts.mtus, ["eth0", 1500]]) }, networks), []);
});

const url = new URL("http://linuxserver.lan:4000");
for (const [what, addresses, seen, means] of [
  [
    "nobody knows",
    new Error("getaddrinfo ENOTFOUND linuxserver.lan"),
    /linuxserver\.lan is not known on this machine/,
    /find no gateway/,
  ],
  [
    "leads elsewhere",
    ["192.168.1.99"],
    /leads to 192\.168\.1\.99, and the gateway is at 192\.168\.1\.10/,
    /another machine/,
  ],
] as const)
  test(`a name of the gateway that ${what}`, () => {
    const [found] = judgeName(url, addresses, [...at("127.0.0.1"), ...at("192.168.1.10")]);
    assert.match(found?.seen ?? "", seen);
    assert.match(found?.means ?? "", means);
    assert.match(found?.fix ?? "", /"192\.168\.1\.10 linuxserver\.lan"/);
  });

test("a name that leads to the gateway, and an address in its place, are no finding", () => {
  assert.deepEqual(judgeName(url, ["192.168.1.10"], at("192.168.1.10")), []);
  assert.deepEqual(judgeName(new URL("http://192.168.1.10:4000"), ["192.168.1.10"], at("192.168.1.10")), []);
});
