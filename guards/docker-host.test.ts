import assert from "node:assert/strict";
import { test } from "node:test";
import { engineWarning, explainDocker } from "./docker-host.ts";

for (const [said, advice] of [
  [
    "Host key verification failed.",
    /SSH host key of server:2222 is not known.*ssh-keyscan -p 2222 server >> ~\/\.ssh\/known_hosts/,
  ],
  ["me@server: Permission denied (publickey).", /refuses the SSH login of "me".*ssh-copy-id me@server/],
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
