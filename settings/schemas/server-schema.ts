import { z } from "zod";
import { strict } from "../../lib/strict.ts";
import {
  absolutePath,
  flag,
  groupName,
  image,
  list,
  map,
  memoryMiB,
  oneOf,
  port,
  risk,
  secretName,
  text,
  variableName,
  wholeNumber,
} from "./fields.ts";

const WORDS = "text; put numbers, true and false in quotes";
const words = z.string({ error: WORDS }).meta({ title: WORDS });
/** A version such as 1.10 is a number to YAML and would lose its zero. */
const version = text(/^\d[\w.+-]*$/, 'one exact version, in quotes where it looks like a number, such as "1.10"');

const source = strict({
  pypi: text(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "the name of a package on PyPI")
    .optional()
    .describe("A Python package. The shared wrapper runs it and speaks stdio to it."),
  npm: text(/^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/, "the name of a package on npm")
    .optional()
    .describe("A Node package. The shared wrapper runs it and speaks stdio to it."),
  image: image.optional().describe("An image that speaks sse or http by itself."),
  version: version.optional().describe("Version of the package. `npm run lock` pins it and all that it needs."),
  command: list(words, "a list of words, such as [mcp-server-time, --local-timezone, UTC]")
    .default([])
    .describe(
      "What starts the server: of a package, the program with its arguments; of an image, arguments of its entrypoint.",
    ),
})
  .meta({
    // For editors, which see none of what follows.
    oneOf: ["pypi", "npm", "image"].map((kind) => ({
      required: kind === "image" ? [kind] : [kind, "version", "command"],
    })),
  })
  .transform(({ pypi, npm, image, version, command }, context) => {
    const refuse = (message: string, ...path: readonly string[]) => {
      context.addIssue({ code: "custom", message, path: [...path] });
      return z.NEVER;
    };
    if ([pypi, npm, image].filter((one) => one !== undefined).length !== 1)
      return refuse("exactly one of pypi, npm and image");
    if (image !== undefined) {
      if (version !== undefined) return refuse("leave it out: the tag of the image says it", "version");
      return { kind: "image", image, command } as const;
    }
    if (version === undefined) return refuse("the version of the package, such as 2026.8.31", "version");
    // The wrapper starts what it is given; an image has an entrypoint of its own.
    if (!command.length) return refuse("the words that start the server, such as [mcp-server-time]", "command");
    if (pypi !== undefined) return { kind: "pypi", package: pypi, version, command } as const;
    if (npm !== undefined) return { kind: "npm", package: npm, version, command } as const;
    return z.NEVER;
  });

const path = text(/^\/\S*$/, "the path of its endpoint, such as /mcp");
const containerPort = port.describe("Port inside the container.");
const endpoint = "Path of the endpoint.";
const sdk = oneOf(["python", "typescript", "go"], "the SDK the server is made with: python, typescript or go").describe(
  "Which MCP SDK the server is made with: LiteLLM before 1.77.7 finds no tools in TypeScript servers over http.",
);
const TRANSPORT_ADVICE = "a map with kind: stdio, sse or http";
const transport = z
  .discriminatedUnion(
    "kind",
    [
      strict({ kind: z.literal("stdio").describe("For packages: the wrapper speaks stdio to the server.") }),
      strict({
        kind: z.literal("sse").describe("For images that speak the older HTTP transport of MCP."),
        port: containerPort,
        path: path.default("/sse").describe(endpoint),
        sdk: sdk.optional(),
      }),
      strict({
        kind: z.literal("http").describe("For images that speak streamable HTTP."),
        port: containerPort,
        path: path.default("/mcp").describe(endpoint),
        sdk,
      }),
    ],
    { error: (issue) => (issue.code === "invalid_union" ? "stdio, sse or http" : TRANSPORT_ADVICE) },
  )
  .meta({ title: TRANSPORT_ADVICE });

const mount = strict({
  name: text(/^[a-z][a-z0-9_]*$/, "a name a stack binds it by: lower-case letters, digits and _").describe(
    "Its name under `mounts` in a stack's file.",
  ),
  target: absolutePath.describe("Where it is in the container."),
  readOnly: flag.default(true).describe("Whether the server can only read it."),
});

/**
 * `mcp/<name>/server.yaml`: what one MCP server is, on every stack. `resolve/check-server-folder.ts` has rules between
 * keys.
 */
export const serverDefinition = strict({
  description: text(/^\S[^\n]*$/, "one line that says what the server does").describe("What the server does."),
  enabled: flag.default(true).describe("Whether stacks run the server that do not say so themselves."),
  source: source.describe("What runs: exactly one of `pypi`, `npm` and `image`."),
  transport: transport.describe("What the server speaks."),
  register: oneOf(["sse", "http"], "sse or http")
    .optional()
    .describe(
      "For packages: which of the wrapper's two transports LiteLLM uses. Left out, it is sse, which some versions of LiteLLM handle better.",
    ),
  env: map(variableName, words, "a map from variable to text")
    .default({})
    .describe("Variables of the container. Previews show them."),
  secrets: map(variableName, secretName, "a map from variable to the name of a secret")
    .default({})
    .describe(
      "Variables whose values are secrets: names under `litellm-mcp:secrets`, or `postgresReadOnlyUrl`, which this program provides.",
    ),
  required: map(variableName, text(/\S/, "what to write there"), "a map from variable to what to write there")
    .default({})
    .describe(
      "Variables that only a stack can know (`servers.<name>.env`), each with a text that says what to write there.",
    ),
  bearerToken: secretName
    .optional()
    .describe("For images that ask for a token: the secret that LiteLLM sends as `Authorization: Bearer …`."),
  egress: flag
    .default(false)
    .describe(
      "Whether the server may reach the LAN and the internet. Otherwise it reaches only what shares a Docker network with it.",
    ),
  postgres: flag.default(false).describe("Whether the server reaches the stack's Postgres server."),
  accessGroups: list(groupName, "a list of groups")
    .default([])
    .describe("Groups that the server belongs to, for `groups` of clients."),
  data: flag.default(false).describe("For packages: `/data` is a volume, which outlives the container and the stack."),
  mounts: list(mount, "a list of { name, target, readOnly }")
    .default([])
    .describe("Directories of the host that a stack can bind into the container."),
  risks: list(risk, "a list of risks, such as [docker-socket]")
    .default([])
    .describe(
      "Powers over the host that the server is made for and that a mount may give it. Each stack has to accept them (`acceptRisks`).",
    ),
  limits: strict({
    memory: memoryMiB.default(256).describe("Memory of the container in MiB."),
    pids: wholeNumber(8, 32_768, "a number of processes from 8")
      .optional()
      .describe("For packages: most processes and threads. Left out, it is 128."),
    tmp: memoryMiB
      .optional()
      .describe(
        "MiB that files in `/tmp` may take. With it `/tmp` and `/data` are the only places that can be written. Left out, it is 64 for packages, and an image can write everywhere.",
      ),
  })
    .prefault({})
    .describe("What the container may use."),
  healthcheck: oneOf(["python", "none"], "python (the image has python3) or none")
    .optional()
    .describe(
      "For images, which must say it: `python` has the image's python3 speak MCP to the server; `none` checks nothing.",
    ),
  check: strict({
    tool: text(/^\S+$/, "a tool's name without spaces").describe("The tool."),
    arguments: map(z.string(), z.unknown(), "a map of the tool's arguments").default({}).describe("Its arguments."),
    expect: text(/\S/, "text that the answer contains").describe(
      "Text that its answer contains when the server works.",
    ),
  })
    .optional()
    .describe("A cheap call that `up` makes through the gateway to see that the server works."),
}).meta({
  examples: [
    {
      description: "Query the shop's database",
      enabled: false,
      source: { pypi: "mcp-server-shop", version: "1.4.0", command: ["mcp-server-shop", "--verbose"] },
      transport: { kind: "stdio" },
      register: "sse",
      env: { SHOP_LANGUAGE: "en" },
      secrets: { SHOP_TOKEN: "shopToken" },
      required: { SHOP_URL: "address of the shop, such as http://shop.lan:8080" },
      egress: true,
      accessGroups: ["shop"],
      data: true,
      mounts: [{ name: "pictures", target: "/pictures", readOnly: true }],
      limits: { memory: 512, pids: 64, tmp: 128 },
      check: { tool: "find_item", arguments: { name: "tea" }, expect: "tea" },
    },
    {
      description: "Containers of the host",
      source: { image: "example/docker-mcp:1.2.3", command: ["--port=8000"] },
      transport: { kind: "http", port: 8000, path: "/mcp", sdk: "python" },
      bearerToken: "dockerMcpToken",
      postgres: true,
      mounts: [{ name: "socket", target: "/var/run/docker.sock", readOnly: false }],
      risks: ["docker-socket"],
      limits: { memory: 384, tmp: 16 },
      healthcheck: "python",
    },
    {
      description: "Look up plants",
      source: { npm: "@example/plants-mcp", version: "2026.8.31", command: ["plants-mcp"] },
      transport: { kind: "stdio" },
    },
  ],
});

export type ServerDefinition = z.infer<typeof serverDefinition>;
export type Transport = ServerDefinition["transport"];
export type Check = NonNullable<ServerDefinition["check"]>;
