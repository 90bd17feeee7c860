import { createHash } from "node:crypto";
import { z } from "zod";

/** Tools of one server that a client may call. */
export interface ToolRule {
  /** null: all tools but the denied ones. */
  readonly allow: readonly string[] | null;
  readonly deny: readonly string[];
}

/** Who may do what, as the program that deploys the gateway writes it (`components/gateway/ingress-rights.ts`). */
export interface Rights {
  /** Every MCP server of the stack. */
  readonly servers: readonly { readonly name: string; readonly groups: readonly string[] }[];
  readonly clients: readonly ClientRights[];
}

export interface ClientRights {
  readonly name: string;
  /** SHA-256 of the client's key, hexadecimal. The key itself is not here. */
  readonly keyHash: string;
  /** Server → what it may call there; a server that is not named is not the client's. */
  readonly servers: Readonly<Record<string, ToolRule>>;
  /** Names of models; one that ends in `*` stands for all that begin so. */
  readonly models: readonly string[];
  /** Requests a minute; null: no limit. */
  readonly rpm: number | null;
  /** Requests at once. */
  readonly parallel: number;
  /** US dollars; null: no limit. LiteLLM counts. */
  readonly budget: number | null;
}

const rule = z.strictObject({ allow: z.array(z.string()).nullable(), deny: z.array(z.string()) });
const rightsSchema: z.ZodType<Rights> = z.strictObject({
  servers: z.array(z.strictObject({ name: z.string().min(1), groups: z.array(z.string()) })),
  clients: z.array(
    z.strictObject({
      name: z.string().min(1),
      keyHash: z.string().regex(/^[0-9a-f]{64}$/),
      servers: z.record(z.string(), rule),
      models: z.array(z.string()),
      rpm: z.number().positive().nullable(),
      parallel: z.number().int().positive(),
      budget: z.number().positive().nullable(),
    }),
  ),
});

/** @throws Error that names what is wrong; then nobody has any right. */
export const parseRights = (text: string): Rights => rightsSchema.parse(JSON.parse(text));

export const keyHash = (key: string) => createHash("sha256").update(key).digest("hex");

/** Tells one table from another, for the program that waits until its table is in force. */
export const rightsVersion = (text: string) => createHash("sha256").update(text).digest("hex").slice(0, 16);

export const mayCall = ({ allow, deny }: ToolRule, tool: string) =>
  (allow === null || allow.includes(tool)) && !deny.includes(tool);

/** The rule of one of the client's servers; `own`, because `constructor` is a fine name for a server. */
export const ruleOf = (client: ClientRights, server: string): ToolRule | undefined =>
  Object.hasOwn(client.servers, server) ? client.servers[server] : undefined;

export const mayUseModel = (client: ClientRights, model: string) =>
  client.models.some((name) => (name.endsWith("*") ? model.startsWith(name.slice(0, -1)) : model === name));

/** Server and tool of a full name, `<server>-<tool>`: no server's name has a `-`. */
export function splitName(name: string): { readonly server: string; readonly tool: string } | undefined {
  const at = name.indexOf("-");
  return at < 1 || at === name.length - 1 ? undefined : { server: name.slice(0, at), tool: name.slice(at + 1) };
}

/**
 * Servers that a request is about: those named by its address or header, of servers and groups, or else all of the
 * client's.
 *
 * @returns Names, or the reason for a refusal. LiteLLM itself takes an unknown name for "all".
 */
export function narrow(
  rights: Rights,
  client: ClientRights,
  names: readonly string[] | undefined,
): readonly string[] | { readonly refused: string } {
  const own = rights.servers.map(({ name }) => name).filter((name) => ruleOf(client, name));
  if (!names) return own;
  const chosen = new Set<string>();
  for (const name of names) {
    const isServer = rights.servers.some((server) => server.name === name);
    const members = isServer
      ? [name]
      : rights.servers.filter(({ groups }) => groups.includes(name)).map((server) => server.name);
    if (!members.length) return { refused: `there is no MCP server and no group "${name}"` };
    const allowed = members.filter((member) => own.includes(member));
    if (!allowed.length) return { refused: `this key may not use ${isServer ? "server" : "group"} ${name}` };
    for (const member of allowed) chosen.add(member);
  }
  return own.filter((name) => chosen.has(name));
}

/** Why a call is refused, or undefined. `servers` are those that the request is about. */
export function refusalOf(
  client: ClientRights,
  servers: readonly string[],
  server: string,
  tool: string,
): string | undefined {
  const its = ruleOf(client, server);
  if (!its) return `this key may not use server ${server}`;
  if (!servers.includes(server)) return `server ${server} is not offered at this address`;
  if (!mayCall(its, tool)) return `this key may not call ${tool} of server ${server}`;
  return undefined;
}
