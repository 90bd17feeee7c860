import { confirm, isCancel } from "@clack/prompts";
import type { Given } from "./ask-alone.ts";
import type { StackServer } from "./stack-servers.ts";

/** What a throw-away container of a server may be given, each by an option of the command. */
export const OFFERS = ["env", "secrets", "network"] as const;
export type Offer = (typeof OFFERS)[number];
export type Granted = ReadonlySet<Offer>;

/** What a server is made to have on its stack, and has not been granted yet. */
export function offersFor({ settings, ownEnv }: StackServer, granted: Granted): Offer[] {
  const { env, source, egress, postgres } = settings;
  const isMadeFor = {
    env: Object.entries(env).some(([variable, value]) => ownEnv[variable] !== value),
    secrets: secretsOf({ settings }).length > 0,
    // One that runs elsewhere has no network of ours; its adapter has a way out to it.
    network: (egress || postgres) && source.kind !== "remote",
  };
  return OFFERS.filter((offer) => isMadeFor[offer] && !granted.has(offer));
}

/** Names of the secrets that a server, or its adapter, is given. */
export function secretsOf({ settings: { secrets, adapter } }: Pick<StackServer, "settings">): string[] {
  const { login, headers = {} } = adapter?.upstream ?? {};
  const ofLogin = login ? [login.kind === "bearer" ? login.token : login.password] : [];
  return [...new Set([...Object.values(secrets), ...Object.values(headers), ...ofLogin])].sort();
}

/** Whether somebody says yes; where nobody can answer, it is no. */
export type Ask = (question: string) => Promise<boolean>;

export const onTerminal = () => Boolean(process.stdin.isTTY && process.stdout.isTTY && process.env.CI !== "true");

export const askOnTerminal: Ask = async (message) => {
  if (!onTerminal()) return false;
  const answer = await confirm({ message, initialValue: false });
  return !isCancel(answer) && answer;
};

/** What is asked before a server gets more. */
export function questionFor(offer: Offer, server: StackServer, stack: string): string {
  const { name, egress, postgres } = server.settings;
  switch (offer) {
    case "env":
      return `${name}: try again with its variables of stack ${stack}?`;
    case "secrets":
      return `${name}: try again with its secrets of stack ${stack} (${secretsOf(server).join(", ")})?`;
    case "network":
      return `${name}: try again with a network (${[egress && "the LAN and the internet", postgres && "the stack's Postgres"].filter(Boolean).join(", ")})?`;
  }
}

export const withOffers = (offers: readonly Offer[]) => offers.map((offer) => `--with-${offer}`).join(" ");

export const givenBy = (granted: Granted, secrets: Given["secrets"]): Given => ({
  env: granted.has("env"),
  secrets,
  network: granted.has("network"),
});

/** What options of a command grant. */
export const grantedBy = ({ withEnv, withSecrets, withNetwork }: Readonly<Partial<Record<string, unknown>>>) =>
  new Set(OFFERS.filter((offer) => ({ env: withEnv, secrets: withSecrets, network: withNetwork })[offer]));
