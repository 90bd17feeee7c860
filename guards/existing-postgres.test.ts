import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test, type TestContext } from "node:test";
import type { NetworkMember } from "../components/docker/network-members.ts";
import type { ExistingPostgres } from "../settings/settings.ts";
import { testSettings } from "../tests/settings.ts";
import { existingPostgresFindings, explainConnection } from "./existing-postgres.ts";

const CONTAINER: NetworkMember = {
  name: "pg-1",
  names: ["pg-1", "pg"],
  state: "running",
  address: "172.18.0.2",
  labels: {},
};

function existing(more: Record<string, unknown> = {}): ExistingPostgres {
  const { postgres } = testSettings({ postgres: { kind: "existing", host: "10.0.0.9", ...more } }, [
    "postgresAdminPassword",
  ]);
  assert.ok(postgres.kind === "existing");
  return postgres;
}
const onNetwork = existing({ network: "net", host: "pg", tunnelPort: 21001 });

for (const [said, postgres, text] of [
  [
    "no way to Postgres at x: connect ECONNREFUSED 172.18.0.2:5432",
    onNetwork,
    /^litellm-mcp:postgres\.port 5432: container pg-1 runs, and nothing listens on this port in it\. Write the port of Postgres within its container/,
  ],
  [
    "no way to Postgres at x: channel 0: open failed: connect failed: Connection refused\r\nstdio forwarding failed",
    onNetwork,
    /\(no way to Postgres at x: channel 0: open failed: connect failed: Connection refused stdio forwarding failed\)$/,
  ],
  [
    "channel 0: open failed: administratively prohibited: open failed",
    onNetwork,
    /no answer from pg:5432 on network net: sshd on the host lets nobody connect.*AllowTcpForwarding yes/,
  ],
  [
    "172.18.0.2:5432 does not answer",
    onNetwork,
    /the host does not reach 172\.18\.0\.2, the address of container pg-1\. A network without an address of the host.*Docker Desktop.*docker network connect NAME pg-1/,
  ],
  ["connect EHOSTUNREACH 172.18.0.2:5432", onNetwork, /the host does not reach 172\.18\.0\.2/],
  [
    "connect ECONNREFUSED 10.0.0.9:5432",
    existing(),
    /no answer from 10\.0\.0\.9:5432: nothing listens there\. Check host and port/,
  ],
  [
    "getaddrinfo ENOTFOUND db.lan",
    existing({ host: "db.lan" }),
    /no answer from db\.lan:5432\. Check host db\.lan, port 5432/,
  ],
] as const)
  test(`"${said}" is explained${postgres.network ? " for a container" : ""}`, () =>
    assert.match(explainConnection(postgres, { container: CONTAINER }, said), text));

test("on a network without an address of the host nobody is asked: it would not be the container", async (t) => {
  const network = { name: "net", localPort: await server(t, "N", "28P01") };
  const { problems } = await look({ ...onNetwork, network }, { container: CONTAINER, isIsolated: true });
  assert.match(
    problems.join(),
    /the host does not reach 172\.18\.0\.2.*\n\(the network has the option inhibit_ipv4\)$/,
  );
});

/** Says whether it offers encryption, and refuses every login. */
async function server(t: TestContext, offers: "S" | "N", code: string): Promise<number> {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mpassword authentication failed for user "postgres"\0\0`);
  const head = Buffer.from([0x45, 0, 0, 0, 0]);
  head.writeUInt32BE(fields.length + 4, 1);
  const listener = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      const isRequest = chunk.length === 8 && chunk.readUInt32BE(4) === 80_877_103;
      if (isRequest) socket.write(offers);
      else socket.end(Buffer.concat([head, fields]));
    });
  });
  await once(listener.listen(0, "127.0.0.1"), "listening");
  t.after(() => listener.close());
  return (listener.address() as net.AddressInfo).port;
}
const look = (
  postgres: ExistingPostgres,
  way: Parameters<typeof existingPostgresFindings>[1] = { container: CONTAINER, isIsolated: false },
) => existingPostgresFindings(postgres, way, async () => "wrong", false, false);

test("a password that is refused is said with the command that sets it", async (t) => {
  const found = await look({ ...onNetwork, network: { name: "net", localPort: await server(t, "N", "28P01") } });
  assert.deepEqual(found.warnings, []);
  assert.match(
    found.problems.join(),
    /^litellm-mcp:postgres \(existing\) refuses postgres@pg:5432 on network net: password authentication failed for user "postgres"\. Write the password of postgres: pulumi config set --secret --path 'litellm-mcp:secrets\.postgresAdminPassword'/,
  );
});

test("a login from an address that may not is no matter of the password", async (t) => {
  const { problems } = await look({ ...onNetwork, network: { name: "net", localPort: await server(t, "N", "28000") } });
  assert.match(problems.join(), /Its pg_hba\.conf has to let postgres in from there$/);
});

test("an sslmode that does not fit is refused, and without one it fits", async (t) => {
  const network = { name: "net", localPort: await server(t, "N", "28P01") };
  assert.deepEqual(await look({ ...onNetwork, network, sslmode: "require" }), {
    problems: [
      "litellm-mcp:postgres.sslmode require: the server at pg:5432 on network net offers no encryption. Write disable, or leave it out",
    ],
    warnings: [],
    sslmode: "require",
    version: undefined,
  });
  // It gets as far as the password.
  assert.match((await look({ ...onNetwork, network })).problems.join(), /Write the password/);
});

test("why there is no container is the problem", async () => {
  const { problems } = await look(onNetwork, { problem: "no container" });
  assert.deepEqual(problems, ["no container"]);
});
