import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused } from "../../tests/small-stack.ts";

const RECIPIENT = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

test("a backup each day is made where somebody asks for it", () => {
  assert.equal(load({}).backup, undefined);
  assert.deepEqual(load({ config: { backup: null, namePrefix: "lab-" } }).backup, {
    ...{ at: "03:30", keep: 7, to: undefined, recipients: [], image: "postgres:17.6-trixie" },
    ...{ container: "lab-backup", volume: "lab-backups", toldVolume: "lab-backup-told" },
  });
  const postgres = { kind: "dedicated", image: "postgres:18.0-trixie" };
  const recipients = [RECIPIENT];
  const asked = { at: "23:05", keep: 30, to: "/srv/backups", recipients };
  assert.deepEqual(load({ config: { backup: asked, postgres } }).backup, {
    ...{ ...asked, image: "postgres:18.0-trixie" },
    ...{ container: "backup", volume: "backups", toldVolume: "backup-told" },
  });
});

const WRITE =
  "a recipient of age, the public half of a key, as `npm run backup -- --new-identity FILE` or age-keygen prints it: age1 and 58 more letters and digits";

refused([
  ...[
    ["a recipient with another letter", RECIPIENT.replace("ql3", "qz3")],
    ["a recipient that ends too early", RECIPIENT.slice(0, -1)],
    ["a key of ssh", "ssh-ed25519 AAAA"],
    ["a recipient of a plug-in", "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"],
  ].map(([what, value]) =>
    inStack(
      ...([what!, { backup: { recipients: [value] } }, "backup.recipients[0]"] as const),
      ...([JSON.stringify(value), WRITE] as const),
    ),
  ),
  inStack(
    ...([
      "a secret key, which is not shown",
      { backup: { recipients: [`AGE-SECRET-KEY-1${"Q".repeat(58)}`] } },
    ] as const),
    ...(["backup.recipients[0]", "a text that is not shown here", WRITE] as const),
  ),
  inStack(
    ...(["one recipient that is no list", { backup: { recipients: RECIPIENT } }, "backup.recipients"] as const),
    ...([JSON.stringify(RECIPIENT), 'a list of recipients of age, such as ["age1…"]'] as const),
  ),
  inStack(
    ...(["a time that is none", { backup: { at: "24:00" } }, "backup.at"] as const),
    ...(['"24:00"', "a time of the day in UTC, such as 03:30"] as const),
  ),
  inStack(
    ...(["a path that begins nowhere", { backup: { to: "backups" } }, "backup.to"] as const),
    ...(['"backups"', "an absolute path without spaces, such as /srv/data"] as const),
  ),
  inStack(
    ...(["a directory of the system", { backup: { to: "/etc/backups" } }, "backup.to"] as const),
    ...([
      '"/etc/backups"',
      "a directory made for backups, such as /srv/backups: /boot, /dev, /etc, /proc, /root, /sys, /var/lib/containerd, /var/lib/docker belong to the host's own system",
    ] as const),
  ),
  inStack(
    ...(["no backup that is kept", { backup: { keep: 0 } }, "backup.keep"] as const),
    ...(["0", "a whole number of backups, 1 to 366"] as const),
  ),
]);
