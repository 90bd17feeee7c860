import assert from "node:assert/strict";
import { test } from "node:test";
import { inStack, load, refused } from "../../tests/small-stack.ts";

test("a backup each day is made where somebody asks for it", () => {
  assert.equal(load({}).backup, undefined);
  assert.deepEqual(load({ config: { backup: null, namePrefix: "lab-" } }).backup, {
    ...{ at: "03:30", keep: 7, to: undefined, image: "postgres:17.6-trixie" },
    ...{ container: "lab-backup", volume: "lab-backups" },
  });
  const postgres = { kind: "dedicated", image: "postgres:18.0-trixie" };
  assert.deepEqual(load({ config: { backup: { at: "23:05", keep: 30, to: "/srv/backups" }, postgres } }).backup, {
    ...{ at: "23:05", keep: 30, to: "/srv/backups", image: "postgres:18.0-trixie" },
    ...{ container: "backup", volume: "backups" },
  });
});

refused([
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
