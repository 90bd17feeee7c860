import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { homedir } from "node:os";
import { test } from "node:test";
import { sshOptions } from "./ssh-options.ts";

/** What ssh itself makes of the options: `ssh -G` prints the settings it would use. */
function asSshReadsThem(options: readonly string[]): Map<string, string> {
  const text = execFileSync("ssh", ["-F", "none", ...options, "-G", "host"], { encoding: "utf8" });
  return new Map(text.split("\n").map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)]));
}

test("ssh asks nothing, checks the host key and gives up on a dead host", () => {
  const ssh = asSshReadsThem(sshOptions({ sshOptions: [] }));
  assert.equal(ssh.get("batchmode"), "yes");
  assert.match(ssh.get("stricthostkeychecking") ?? "", /^(yes|true)$/);
  assert.equal(ssh.get("connecttimeout"), "10");
  assert.equal(ssh.get("serveraliveinterval"), "15");
  assert.equal(ssh.get("serveralivecountmax"), "3");
});

test("own files and options reach ssh, ~ is the home directory", () => {
  const ssh = asSshReadsThem(
    sshOptions({ knownHosts: "~/keys/known_hosts", identity: "/keys/id", sshOptions: ["-o", "ProxyJump=gate"] }),
  );
  assert.equal(ssh.get("userknownhostsfile"), `${homedir()}/keys/known_hosts`);
  assert.equal(ssh.get("identityfile"), "/keys/id");
  assert.equal(ssh.get("identitiesonly"), "yes");
  assert.equal(ssh.get("proxyjump"), "gate");
});

test("options of the user do not undo the checked host key", () => {
  const ssh = asSshReadsThem(sshOptions({ sshOptions: ["-o", "StrictHostKeyChecking=no"] }));
  assert.match(ssh.get("stricthostkeychecking") ?? "", /^(yes|true)$/);
});
