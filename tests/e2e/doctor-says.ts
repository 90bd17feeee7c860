import assert from "node:assert/strict";
import type { Finding } from "../../operate/doctor/finding.ts";
import type { Workspace } from "./workspace.ts";

/** What `npm run doctor --json` has printed. */
export interface Examined {
  readonly exitCode: number;
  readonly findings: (Finding & { readonly mends?: string })[];
  readonly output: string;
}

export async function examine(workspace: Workspace, ...args: string[]): Promise<Examined> {
  const command = ["run", "--silent", "doctor", "--", "--stack", workspace.stack, "--json", ...args];
  const { exitCode, output } = await workspace.run("npm", command);
  const json = /^\[[^]*^\]|^\[\]/m.exec(output)?.[0] ?? "[]";
  return { exitCode, findings: JSON.parse(json) as Finding[], output };
}

export interface Expected {
  readonly seen: RegExp;
  readonly means: RegExp;
  readonly fix: RegExp;
}

/** All of it is found, each once, and nothing else: so no fault is called by another's name. */
export function areFound({ exitCode, findings, output }: Examined, expected: readonly Expected[]): void {
  assert.equal(exitCode, 1, output);
  for (const { seen, means, fix } of expected) {
    const [found, ...more] = findings.filter((one) => seen.test(one.seen));
    assert.ok(found && !more.length, `${seen} in\n${output}`);
    assert.match(found.means ?? "", means);
    assert.match(found.fix ?? "", fix);
  }
  assert.equal(findings.length, expected.length, output);
}

/** What doctor says of what somebody has changed on the host. */
export const HAND = /somebody has changed it since/;
