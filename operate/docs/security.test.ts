import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Audit } from "../../ingress/audit.ts";
import { routes } from "../../ingress/routes.ts";
import { AUDIT_EXAMPLES, SECURITY_FILE, securityPage } from "./security.ts";

test("the committed page is that of the program", () => {
  assert.equal(readFileSync(SECURITY_FILE, "utf8"), securityPage(), "run npm run docs");
});

test("each route is there, with its method", () => {
  const rows = securityPage()
    .split("\n")
    .filter((line) => /^\| (GET|POST|DELETE) \|/.test(line));
  for (const { method, path: address } of routes)
    assert.ok(
      rows.some((row) => row.startsWith(`| ${method} |`) && row.includes(`\`${address}\``)),
      `${method} ${address}`,
    );
});

test("each status that the ingress refuses with is explained", () => {
  const sources = readdirSync("ingress").filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"));
  const statuses = new Set(
    sources.flatMap((file) =>
      [...readFileSync(path.join("ingress", file), "utf8").matchAll(/Refusal\([^"]*?\b([45]\d\d)\b/g)].map(
        (match) => match[1]!,
      ),
    ),
  );
  assert.ok(statuses.size > 8, [...statuses].join(" "));
  const page = securityPage();
  for (const status of statuses)
    assert.match(
      page,
      new RegExp(`^\\| ${status} \\|`, "m"),
      `${status} has no row in operate/docs/security.template.md`,
    );
});

test("the examples of audit lines have the keys of real ones", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "audit-"));
  try {
    const audit = new Audit({ folder, days: 1, bytes: 2 ** 20, results: false });
    const call = { client: "c", address: "a", server: "s", tool: "t", arguments: {}, route: "/mcp/" };
    const ended = await audit.call(call);
    ended("answered");
    audit.refusedCall(call, "why");
    audit.refusedRequest({ address: "a" }, "unknown key");
    await audit.close();
    const lines = readdirSync(folder).flatMap((file) =>
      readFileSync(path.join(folder, file), "utf8").trim().split("\n"),
    );
    const written = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(written.map((line) => line["audit"]).sort(), Object.keys(AUDIT_EXAMPLES).sort());
    for (const line of written)
      assert.deepEqual(Object.keys(line), Object.keys(AUDIT_EXAMPLES[line["audit"] as keyof typeof AUDIT_EXAMPLES]));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
