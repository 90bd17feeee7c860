import { approveCommand } from "../../approval/tool-report.ts";
import type { ServerStatus } from "../status/status.ts";
import { explainAway } from "./container-words.ts";
import type { Finding } from "./finding.ts";

/** What clients are not shown of a server, and why; undefined where all of it is as it was approved. */
export function judgeServer(
  { name, state, tools, approved, withheld }: Omit<ServerStatus, "calls">,
  stack: string,
  /** What its adapter says when it is asked for the list; read where the server is down. */
  said: string,
): Finding | undefined {
  const diff = `npm run tools -- diff ${name} --stack ${stack}`;
  if (state === "without an adapter") return undefined;
  if (state === "down") {
    const reason = /is away since \S+ \((.*)\); it is being/.exec(said)?.[1] ?? said;
    return { seen: `server ${name} is away: ${reason}`, ...explainAway(name, reason) };
  }
  if (state !== "up")
    return {
      seen: `the adapter of server ${name} cannot be asked: ${state}`,
      means: "nobody can call a tool of it",
      fix: "look again in a minute; its log is that of its container",
    };
  if (withheld && approved === null)
    return {
      seen: `server ${name} lists ${withheld} tools, and nobody has approved any`,
      means: "they are withheld: no client is shown them, or can call them",
      fix: `read and approve them: ${approveCommand([name], stack)}`,
    };
  if (withheld)
    return {
      seen: `server ${name} lists ${withheld} tools that are not as approved, and shows ${tools} of ${approved}`,
      means: "their texts or schemas are others than somebody has approved, so they are withheld",
      fix: `${diff}; then approve them, or put the old version back`,
    };
  if (tools === 0)
    return {
      seen: `server ${name} lists no tools${approved ? `, and ${approved} were approved` : ""}`,
      means: "it answers, and has none for what it was given: mostly an argument or a secret that is wrong",
      fix: `its arguments and secrets, in its server.yaml; ${diff}`,
    };
  if (approved !== null && tools !== approved)
    return {
      seen: `server ${name} lists ${tools} of the ${approved} tools that were approved`,
      means: "the rest is gone from it, so clients cannot call that",
      fix: `${diff}; if that is right, approve what is left`,
    };
  return undefined;
}
