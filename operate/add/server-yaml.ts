import { Document, isCollection } from "yaml";
import type { Request, Wanted } from "./request.ts";

/** What the command line left open, as it was found out. */
export interface Found {
  /** Of a package. */
  readonly version?: string;
  readonly command?: readonly string[];
  readonly description?: string | undefined;
  readonly transport?: "sse" | "http";
  readonly healthcheck?: "python" | "none";
}

/** The text of a server.yaml, with the keys that are needed. */
export function serverYaml(request: Request, found: Found): string {
  const { wanted, port, path, egress, data, env, secrets, bearerToken } = request;
  const command = request.command ?? found.command ?? [];
  const transport =
    wanted.kind === "npm" || wanted.kind === "pypi"
      ? { kind: "stdio" }
      : {
          kind: request.transport ?? found.transport,
          ...(port !== undefined && { port }),
          ...(path !== undefined && { path }),
        };
  const document = new Document({
    description: descriptionOf(request, found),
    source: { ...sourceOf(wanted, found), ...(command.length && { command }) },
    transport,
    ...(Object.keys(env).length && { env }),
    ...(Object.keys(secrets).length && { secrets }),
    ...(bearerToken !== undefined && { bearerToken }),
    ...(egress && { egress }),
    ...(data && { data }),
    ...(found.healthcheck && { healthcheck: found.healthcheck }),
  });
  for (const place of [["source", "command"], ["transport"]]) {
    const node = document.getIn(place, true);
    if (isCollection(node)) node.flow = true;
  }
  const text = document
    .toString({ lineWidth: 0, flowCollectionPadding: false })
    // As Prettier writes it.
    .replace(/^transport: \{(.*)\}$/m, "transport: { $1 }");
  return `# yaml-language-server: $schema=../../settings/schemas/server.json\n# ${reaches(request)}\n${text}`;
}

function sourceOf(wanted: Wanted, { version }: Found) {
  switch (wanted.kind) {
    case "image":
      return { image: wanted.image };
    case "url":
      return { url: wanted.url };
    default:
      return { [wanted.kind]: wanted.package, version: wanted.version ?? version };
  }
}

export const descriptionOf = ({ name, description }: Request, found: Found): string =>
  description ?? found.description ?? `MCP server ${name}`;

function reaches({ wanted, egress, secrets }: Request): string {
  const reached =
    wanted.kind === "url" ? "Runs elsewhere." : egress ? "Reaches the LAN and the internet." : "Reaches nothing.";
  const needed = Object.entries(secrets).map(([variable, secret]) => `${variable} (secret ${secret})`);
  return needed.length ? `${reached} It is given ${needed.join(", ")}.` : reached;
}
