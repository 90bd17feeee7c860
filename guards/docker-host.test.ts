import assert from "node:assert/strict";
import { test } from "node:test";
import { engineWarning, explainDocker } from "./docker-host.ts";

for (const [said, advice] of [
  [
    "Host key verification failed.",
    /SSH host key of server:2222 is not known.*ssh-keyscan -p 2222 server >> ~\/\.ssh\/known_hosts/,
  ],
  // As OpenSSH 9.2 says it.
  [
    `@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Offending ED25519 key in /keys/known_hosts:1
  remove with:
  ssh-keygen -f "/keys/known_hosts" -R "[server]:2222"
Host key for [server]:2222 has changed and you have requested strict checking.
Host key verification failed.`,
    /server:2222 is not the one in known_hosts.*: ssh-keygen -f "\/keys\/known_hosts" -R "\[server\]:2222"\n/,
  ],
  [
    "Host key for [server]:2222 has changed and you have requested strict checking.\nHost key verification failed.",
    /is not the one in known_hosts.*: ssh-keygen -R '\[server\]:2222'\n/,
  ],
  [
    `@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @
Permissions 0644 for '/keys/id' are too open.
This private key will be ignored.
Load key "/keys/id": bad permissions
me@server: Permission denied (publickey,password).`,
    /does not use a private key that others can read.*chmod 600 \/keys\/id\n/,
  ],
  [
    `Warning: Identity file /keys/nosuch not accessible: No such file or directory.
me@server: Permission denied (publickey,password).`,
    /there is no private key \/keys\/nosuch\..*litellm-mcp:docker\.identity/,
  ],
  [
    `kex_exchange_identification: read: Connection reset by peer
Connection reset by 192.168.1.10 port 2222`,
    /sshd on server:2222 ends connections before the login.*MaxStartups/,
  ],
  ["Connection timed out during banner exchange", /server:2222 does not answer/],
  ["docker: 'dial-stdio' is not a docker command.", /too old to be reached over ssh/],
  ["me@server: Permission denied (publickey).", /refuses the SSH login of "me".*ssh-copy-id -p 2222 me@server/],
  ["ssh: Could not resolve hostname server: Name or service not known", /the name server is not known here/],
  ["ssh: connect to host server port 2222: Connection refused", /server:2222 does not answer/],
  ["sh: 1: docker: not found", /no docker command on server:2222/],
  ["permission denied while trying to connect to the Docker daemon socket", /usermod -aG docker me/],
  ["Cannot connect to the Docker daemon at unix:///var/run/docker.sock", /sudo systemctl start docker/],
  ["something new", /cannot be used\n\(something new\)$/],
] as const) {
  test(`"${said}" is explained`, () => {
    const text = explainDocker("ssh://me@server:2222", said);
    assert.match(text, /^litellm-mcp:docker\.host ssh:\/\/me@server:2222: /);
    assert.match(text, advice);
  });
}

test("a socket that is not there is explained", () => {
  assert.match(
    explainDocker("unix:///var/run/docker.sock", "connect ENOENT /var/run/docker.sock"),
    /no Docker daemon answers at \/var\/run\/docker\.sock/,
  );
});

for (const [version, isOlder] of [
  ["20.10.24+dfsg1", true],
  ["20.10.24", true],
  ["23.0.10", true],
  ["23.0.11", false],
  ["23.1.0", false],
  ["24.0.9", true],
  ["25.0.4", true],
  ["25.0.5", false],
  ["26.0.0-rc1", false],
  ["26.1.5+dfsg1", false],
  ["28.2.2", false],
  ["library-import", false],
] as const) {
  test(`Docker ${version} is ${isOlder ? "warned of" : "taken as it is"}`, () => {
    const warning = engineWarning(version);
    if (isOlder)
      assert.ok(
        warning?.startsWith(`Docker ${version} on the host is older`) &&
          warning.includes("CVE-2024-29018") &&
          warning.includes("The distribution may have patched it"),
        warning,
      );
    else assert.equal(warning, undefined);
  });
}
