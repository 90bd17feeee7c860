import { type BackupFacts, judgeBackup } from "./backup.ts";
import { type DiskFacts, judgeDisk } from "./disk.ts";
import { examine, NOBODY_ASKED } from "../examine.ts";
import { type Expected, ruleOf } from "../expectations.ts";
import { tryForbidden } from "../forbidden.ts";
import { BACKUP, DISK, FORBIDDEN, GATEWAY, type Run, type Trouble } from "./troubles.ts";

/** The servers that are looked at: those of which the key may use something. */
const serversOf = ({ servers, clients }: Expected) =>
  servers.filter(({ name }) => clients.some((client) => ruleOf(client, name)));

/** What is seen of the host. */
export interface Host {
  /** The disk that has Docker's volumes. */
  readonly disk: () => DiskFacts;
  /** What the backup of each day says of itself; undefined where none is made. */
  readonly backup: (() => BackupFacts) | undefined;
}

/** What a run of everything tries. */
export const lookedAt = (expected: Expected, host: Host): string[] => [
  ...[GATEWAY, ...serversOf(expected).map(({ name }) => name), FORBIDDEN, DISK],
  ...(host.backup ? [BACKUP] : []),
];

/** Those in trouble last: a call that hangs ends a run, and the same server would keep all after it from ever being tried. */
export const inOrder = <S extends { readonly name: string }>(servers: readonly S[], known: readonly Trouble[]): S[] => {
  const isKnown = ({ name }: S) => known.some(({ of }) => of === name);
  return [...servers.filter((server) => !isKnown(server)), ...servers.filter(isKnown)];
};

/**
 * Lists and calls with the key of the scheduled check, and tries what must fail.
 *
 * @param known What was wrong before.
 * @param isWhole Whether everything is looked at, and not that alone.
 */
export async function runCheck(
  expected: Expected,
  known: readonly Trouble[],
  isWhole: boolean,
  host: Host,
): Promise<Run> {
  const isTried = (of: string) => isWhole || known.some((trouble) => trouble.of === of);
  const servers = inOrder(serversOf(expected), known).filter(({ name }) => isTried(name));
  const began = Date.now();
  const found = await find(expected, servers, isTried(FORBIDDEN)).catch(({ message }: Error) => gatewayAway(message));
  const onHost = Object.entries(lookAtHost(host, known)).filter(([of]) => isTried(of));
  return {
    ...{ at: new Date(began).toISOString(), seconds: (Date.now() - began) / 1_000 },
    tried: [...found.tried, ...onHost.map(([of]) => of)],
    problems: {
      ...found.problems,
      ...Object.fromEntries(onHost.flatMap(([of, problem]) => (problem === undefined ? [] : [[of, problem] as const]))),
    },
  };
}

/** What is wrong with each thing of the host that is looked at; undefined: nothing. */
function lookAtHost({ disk, backup }: Host, known: readonly Trouble[]): Record<string, string | undefined> {
  const wasFull = known.some(({ of }) => of === DISK);
  return { [DISK]: judgeDisk(disk(), wasFull), ...(backup && { [BACKUP]: judgeBackup(backup()) }) };
}

const gatewayAway = (message: string): Pick<Run, "tried" | "problems"> => ({
  ...{ tried: [GATEWAY], problems: { [GATEWAY]: message } },
});

async function find(
  expected: Expected,
  servers: Expected["servers"],
  triesForbidden: boolean,
): Promise<Pick<Run, "tried" | "problems">> {
  // A server that lists nothing now is asked again by the next run.
  const { known, problems, unapproved, untried } = await examine({ ...expected, servers }, NOBODY_ASKED, 0);
  const possible = triesForbidden ? await tryForbidden(expected, known) : [];
  return {
    tried: [
      GATEWAY,
      ...servers.map(({ name }) => name).filter((name) => !untried.has(name)),
      ...(triesForbidden ? [FORBIDDEN] : []),
    ],
    problems: Object.fromEntries([
      ...[...problems, ...unapproved].map(([name, text]) => [name, `MCP server "${name}" ${text}`] as const),
      ...(possible.length ? [[FORBIDDEN, possible.join("\n")] as const] : []),
    ]),
  };
}
