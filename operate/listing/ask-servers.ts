import type Docker from "dockerode";
import pMap from "p-map";
import { prepare, prepareDocker } from "../../bootstrap/prepare.ts";
import { distinctTools, type Tool } from "../../approval/tool-lock.ts";
import { visible } from "../../approval/tool-scan.ts";
import { connectDocker, QUESTIONS_AT_ONCE } from "../../components/docker/docker-connection.ts";
import { isSsh } from "../../components/docker/ssh-connection.ts";
import { listAtAdapters } from "../../components/gateway/check/adapters.ts";
import type { ServerFolder } from "../../settings/server-folders.ts";
import { Pulumi } from "../deployed-stack.ts";
import { askedContainer, differsFromFolder, runningContainers } from "./deployed.ts";
import { baseImages } from "./image.ts";
import { listWithOffers } from "./list-server.ts";
import { askOnTerminal, type Granted } from "./offers.ts";
import { serverOfStack, type StackOfServers, type StackServer } from "./stack-servers.ts";
import { removeLeftOvers } from "./throw-away.ts";

export interface AskOptions {
  /** Every server from a throw-away container, also one that runs. */
  readonly fresh: boolean;
  readonly granted: Granted;
  readonly yes: boolean;
}

/** What was found: tools, or why there are none, by server. */
export interface Asked {
  readonly listed: ReadonlyMap<string, readonly Tool[]>;
  readonly problems: ReadonlyMap<string, string>;
  /** Servers that run without an adapter: LiteLLM alone can be asked for these. */
  readonly atGateway: readonly string[];
}

const say = (line: string) => console.error(line);

/** Where a server is asked. */
export type Place = "adapter" | "gateway" | "alone";

export interface Deployed {
  readonly runs: boolean;
  /** How it differs from its folder. */
  readonly differs?: string | undefined;
}

/** @returns undefined for a server that is not asked, since nobody named it. */
export function placeOf(
  { isEnabled, hasNoAdapter }: Pick<StackServer, "isEnabled" | "hasNoAdapter">,
  { runs, differs }: Deployed,
  { fresh, isNamed }: { readonly fresh: boolean; readonly isNamed: boolean },
): Place | undefined {
  if (!isNamed && !(fresh ? isEnabled : runs)) return undefined;
  if (fresh || !runs || differs !== undefined) return "alone";
  return hasNoAdapter ? "gateway" : "adapter";
}

/**
 * Asks servers what they list, approved or not: those that run as their folder says in their container, others in one
 * that is thrown away.
 *
 * @param names Those to ask; none: all that run, or with `fresh` all that the stack has turned on.
 */
export async function askServers(
  names: readonly string[],
  folders: readonly ServerFolder[],
  stack: StackOfServers,
  { fresh, granted, yes }: AskOptions,
  signal: AbortSignal,
): Promise<Asked> {
  const isHere = !isSsh(stack.endpoint);
  if (isHere) await prepareDocker(yes, []);
  const docker = connectDocker(stack.endpoint);
  await removeLeftOvers(docker);
  const running = await runningContainers(docker);
  const problems = new Map<string, string>();
  const wanted = names.length ? folders.filter(({ name }) => names.includes(name)) : folders;
  const places = await pMap(
    wanted,
    async (folder): Promise<{ server: StackServer; place: Place } | undefined> => {
      try {
        const server = serverOfStack(stack, folder);
        const deployed = await deployedAs(docker, server, running, fresh);
        const place = placeOf(server, deployed, { fresh, isNamed: names.length > 0 });
        if (place === "alone" && deployed.differs !== undefined)
          say(`${folder.name}: runs with ${deployed.differs} than in mcp/${folder.name}, which is asked instead`);
        return place && { server, place };
      } catch (error) {
        // What nobody asked for stops nothing.
        if (names.length) problems.set(folder.name, (error as Error).message);
        return undefined;
      }
    },
    { concurrency: QUESTIONS_AT_ONCE },
  );
  const asked = places.filter((one) => one !== undefined);
  const at = (where: Place) => asked.filter(({ place }) => place === where).map(({ server }) => server);

  const listed = new Map<string, readonly Tool[]>();
  const containers = new Map(at("adapter").map(({ settings }) => [askedContainer(settings), settings.name]));
  for (const [container, answer] of await listAtAdapters(stack.endpoint, [...containers.keys()])) {
    const name = containers.get(container)!;
    if ("tools" in answer) listed.set(name, distinctTools(answer.tools));
    else
      problems.set(
        name,
        `${name}: runs, and does not list its tools: ${visible(answer.problem)}\n  --fresh asks it in a container of its own`,
      );
  }
  const alone = at("alone");
  if (alone.length && isHere) await prepareDocker(yes, [...baseImages(), ...imagesOf(alone)]);
  for (const server of alone) {
    const { name } = server.settings;
    say(`→ ask ${name} in a throw-away container`);
    try {
      const tools = await listWithOffers(
        server,
        { ...stack, say, signal },
        {
          stack: stack.name,
          granted,
          ask: askOnTerminal,
          secretsOf: (wanted) => secretsOfStack(stack.name, wanted, yes),
        },
      );
      listed.set(name, tools);
    } catch (error) {
      signal.throwIfAborted();
      problems.set(name, (error as Error).message);
    }
  }
  return { listed, problems, atGateway: at("gateway").map(({ settings }) => settings.name) };
}

const imagesOf = (servers: readonly StackServer[]) =>
  servers.flatMap(({ settings: { source } }) => (source.kind === "native" ? [source.image] : []));

async function deployedAs(
  docker: Docker,
  { settings }: StackServer,
  running: ReadonlySet<string>,
  fresh: boolean,
): Promise<Deployed> {
  const runs = [askedContainer(settings), settings.container].every((name) => running.has(name));
  return { runs, ...(runs && !fresh && { differs: await differsFromFolder(docker, settings) }) };
}

/** Values of a stack's secrets; it needs Pulumi, which nothing else here does. */
export async function secretsOfStack(stack: string, names: readonly string[], yes: boolean) {
  Object.assign(process.env, await prepare({ yes, engine: false }));
  return (await Pulumi.existing(stack)).secrets(names);
}
