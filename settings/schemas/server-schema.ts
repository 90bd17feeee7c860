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

const URL_ADVICE =
  "the address of its endpoint, such as http://192.168.1.20:8000/sse: plain HTTP, no name and password in it";
const httpUrl = text(/^http:\/\/[A-Za-z0-9.-]+(:\d{1,5})?\/\S*$/, URL_ADVICE).refine(
  // Of 192.168.1.300 and of port 99999 the pattern sees nothing.
  (url) => !url.startsWith("http://") || URL.canParse(url),
  { error: URL_ADVICE },
);

const pypiName = text(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "the name of a package on PyPI");
const npmName = text(/^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/, "the name of a package on npm");

const source = strict({
  pypi: pypiName.optional().describe("A Python package. Its adapter runs it and speaks stdio to it."),
  npm: npmName.optional().describe("A Node package. Its adapter runs it and speaks stdio to it."),
  program: oneOf(["python", "node"], "python or node: whose packages it may have")
    .optional()
    .describe(
      "A program of your own, whose files are in this folder; it speaks stdio. `python`: packages of `requirements.in`, `node`: of `package.json`. A shell script, or a binary without packages, may say either.",
    ),
  image: image.optional().describe("An image that speaks sse or http by itself."),
  url: httpUrl.optional().describe("A server that runs already, on the LAN. Only its adapter is deployed."),
  version: version.optional().describe("Version of the package. `npm run lock` pins it and all that it needs."),
  command: list(words, "a list of words, such as [mcp-server-time, --local-timezone, UTC]")
    .default([])
    .describe(
      "What starts the server: of a package, the program with its arguments; of a program of your own, such as `[python3, server.py]`, run in its folder; of an image, arguments of its entrypoint.",
    ),
  installScripts: list(npmName, "a list of packages, such as [better-sqlite3]")
    .default([])
    .describe(
      "Packages from npm whose install scripts run while the image is built, since they compile or fetch what they need. No others' do.",
    ),
  buildFromSource: list(pypiName, "a list of packages, such as [pycairo]")
    .default([])
    .describe(
      "Packages from PyPI that have no wheel for the host, and are built from their source while the image is built. What they are built with is not in the package lock.",
    ),
})
  .meta({
    // For editors, which see none of what follows.
    oneOf: [
      ...["pypi", "npm"].map((kind) => ({ required: [kind, "version", "command"] })),
      { required: ["program", "command"] },
      ...["image", "url"].map((kind) => ({ required: [kind] })),
    ],
  })
  .transform(({ pypi, npm, program, image, url, version, command, installScripts, buildFromSource }, context) => {
    const refuse = (message: string, ...path: readonly string[]) => {
      context.addIssue({ code: "custom", message, path: [...path] });
      return z.NEVER;
    };
    if ([pypi, npm, program, image, url].filter((one) => one !== undefined).length !== 1)
      return refuse("exactly one of pypi, npm, program, image and url");
    if (installScripts.length && npm === undefined && program !== "node")
      return refuse("leave it out: it is for packages from npm", "installScripts");
    if (buildFromSource.length && pypi === undefined && program !== "python")
      return refuse("leave it out: it is for packages from PyPI", "buildFromSource");
    if (url !== undefined) {
      if (version !== undefined) return refuse("leave it out: whoever runs the server decides it", "version");
      if (command.length) return refuse("leave it out: nothing is started", "command");
      return { kind: "url", url } as const;
    }
    if (image !== undefined) {
      if (version !== undefined) return refuse("leave it out: the tag of the image says it", "version");
      return { kind: "image", image, command } as const;
    }
    const own = { command, installScripts, buildFromSource };
    if (program !== undefined) {
      if (version !== undefined) return refuse("leave it out: its files are what they are", "version");
      if (!command.length) return refuse("the words that start it, such as [python3, server.py]", "command");
      return { kind: "program", language: program, ...own } as const;
    }
    if (version === undefined) return refuse("the version of the package, such as 2026.8.31", "version");
    // The adapter starts what it is given; an image has an entrypoint of its own.
    if (!command.length) return refuse("the words that start the server, such as [mcp-server-time]", "command");
    if (pypi !== undefined) return { kind: "pypi", package: pypi, version, ...own } as const;
    if (npm !== undefined) return { kind: "npm", package: npm, version, ...own } as const;
    return z.NEVER;
  });

const path = text(/^\/\S*$/, "the path of its endpoint, such as /mcp");
const containerPort = port.optional().describe("Of an image: port inside the container.");
const endpoint = "Of an image: path of the endpoint. Left out, it is /sse or /mcp.";
const sdk = oneOf(["python", "typescript", "go"], "the SDK the server is made with: python, typescript or go").describe(
  "With `adapter: none` over http: which MCP SDK the server is made with. LiteLLM before 1.77.7 finds no tools in TypeScript servers then.",
);
const TRANSPORT_ADVICE = "a map with kind: stdio, sse or http";
const transport = z
  .discriminatedUnion(
    "kind",
    [
      strict({
        kind: z
          .literal("stdio")
          .describe("For packages and programs of your own: the adapter speaks stdio to the server."),
      }),
      strict({
        kind: z.literal("sse").describe("For images and addresses that speak the older HTTP transport of MCP."),
        port: containerPort,
        path: path.optional().describe(endpoint),
        sdk: sdk.optional(),
      }),
      strict({
        kind: z.literal("http").describe("For images and addresses that speak streamable HTTP."),
        port: containerPort,
        path: path.optional().describe(endpoint),
        sdk: sdk.optional(),
      }),
    ],
    { error: (issue) => (issue.code === "invalid_union" ? "stdio, sse or http" : TRANSPORT_ADVICE) },
  )
  .meta({ title: TRANSPORT_ADVICE });

/** Headers that belong to HTTP, to MCP or to `bearerToken` and `basicLogin`. */
const RESERVED_HEADERS =
  /^(authorization|host|connection|content-.*|transfer-encoding|accept.*|keep-alive|te|trailer|upgrade|expect|cookie|origin|mcp-.*|last-event-id|proxy-.*)$/i;
const headerName = text(/^[A-Za-z0-9-]+$/, "a header's name, such as X-API-Key").refine(
  (name) => !RESERVED_HEADERS.test(name),
  { error: "a header of the server's own, such as X-API-Key; Authorization is for bearerToken and basicLogin" },
);

const seconds = wholeNumber(1, 86_400, "seconds as a whole number, at most a day");
const calls = (write: string) => wholeNumber(1, 1_000, write);
const messageMiB = wholeNumber(1, 64, "MiB as a whole number from 1 to 64");

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
  source: source.describe("What runs: exactly one of `pypi`, `npm`, `program`, `image` and `url`."),
  transport: transport.describe("What the server speaks."),
  adapter: oneOf(["none"], "none, or leave it out")
    .optional()
    .describe(
      "`none`: LiteLLM speaks to the image itself, without the adapter between them. Its tools are then compared with the tool lock by `up` and `verify` only, everybody on `litellm-mcp-net` reaches it, and while it hangs LiteLLM lists no tools of anybody for 30 s.",
    ),
  register: oneOf(["sse", "http"], "sse or http")
    .optional()
    .describe(
      "Which of the adapter's two transports LiteLLM uses. Left out, it is sse, which some versions of LiteLLM handle better.",
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
    .describe(
      "For images and addresses that ask for a token: the secret that is sent to them as `Authorization: Bearer …`.",
    ),
  basicLogin: strict({
    user: text(/^[^:\s]+$/, "a user name without colons and blanks").describe("The user's name."),
    password: secretName.describe("The secret that has the password."),
  })
    .optional()
    .describe("For images and addresses that ask for a name and a password (HTTP Basic)."),
  headers: map(headerName, secretName, "a map from header to the name of a secret")
    .default({})
    .describe("For images and addresses: headers whose values are secrets, such as an API key."),
  egress: flag
    .default(false)
    .describe(
      "Whether the server may reach the LAN and the internet. Otherwise it reaches only what shares a Docker network with it.",
    ),
  proxied: flag
    .default(false)
    .describe(
      "For packages and programs of your own that keep to HTTP_PROXY and HTTPS_PROXY: the server asks for pages through its adapter, which lets it reach the internet, and of the LAN only what the stack names (`lanAddresses`). The server's own ban of private addresses, where it has one, has to be off.",
    ),
  postgres: flag.default(false).describe("Whether the server reaches the stack's Postgres server."),
  accessGroups: list(groupName, "a list of groups")
    .default([])
    .describe("Groups that the server belongs to, for `groups` of clients."),
  data: flag
    .default(false)
    .describe(
      "For packages and programs of your own: `/data` is a volume, which outlives the container and the stack.",
    ),
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
      .describe("For packages and programs of your own: most processes and threads. Left out, it is 128."),
    tmp: memoryMiB
      .optional()
      .describe(
        "MiB that files in `/tmp` may take. With it `/tmp` and `/data` are the only places that can be written. Left out, it is 64 for packages and programs of your own, and an image can write everywhere.",
      ),
    callSeconds: seconds
      .default(120)
      .describe(
        "How long a call may take, waiting for others included. Then it is cancelled, and answered with a text.",
      ),
    toolSeconds: map(z.string(), seconds, "a map from tool to seconds")
      .default({})
      .describe("The same for single tools that may take longer, or should take less."),
    callsAtOnce: calls("a number of calls, 1 to 1000").default(16).describe("How many calls the server has at once."),
    callsWaiting: calls("a number of calls, 1 to 1000")
      .default(64)
      .describe("How many more wait for one of these to end. Others are refused at once."),
    question: messageMiB.default(4).describe("Largest request to the server, in MiB."),
    answer: messageMiB.default(8).describe("Largest answer of the server, in MiB."),
  })
    .prefault({})
    .describe("What the server may use."),
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
      limits: {
        ...{ memory: 512, pids: 64, tmp: 128, question: 4, answer: 8 },
        ...{ callSeconds: 120, toolSeconds: { find_all: 900 }, callsAtOnce: 16, callsWaiting: 64 },
      },
      check: { tool: "find_item", arguments: { name: "tea" }, expect: "tea" },
    },
    {
      description: "Containers of the host",
      source: { image: "example/docker-mcp:1.2.3", command: ["--port=8000"] },
      transport: { kind: "http", port: 8000, path: "/mcp" },
      bearerToken: "dockerMcpToken",
      postgres: true,
      mounts: [{ name: "socket", target: "/var/run/docker.sock", readOnly: false }],
      risks: ["docker-socket"],
      limits: { memory: 384, tmp: 16 },
      healthcheck: "python",
    },
    {
      description: "Look up plants",
      source: {
        npm: "@example/plants-mcp",
        version: "2026.8.31",
        command: ["plants-mcp"],
        installScripts: ["better-sqlite3"],
      },
      transport: { kind: "stdio" },
    },
    {
      description: "Water the garden",
      source: { program: "python", command: ["python3", "server.py"], buildFromSource: ["pycairo"] },
      transport: { kind: "stdio" },
      egress: true,
      proxied: true,
    },
    {
      description: "Lights and heating",
      source: { url: "http://192.168.1.20:8123/mcp_server/sse" },
      transport: { kind: "sse" },
      basicLogin: { user: "mcp", password: "housePassword" },
      headers: { "X-API-Key": "houseKey" },
    },
    {
      description: "Measurements",
      source: { image: "example/measure-mcp:2.0.0" },
      transport: { kind: "http", port: 9000, sdk: "python" },
      adapter: "none",
      healthcheck: "none",
    },
  ],
});

export type ServerDefinition = z.infer<typeof serverDefinition>;
export type Transport = ServerDefinition["transport"];
export type Check = NonNullable<ServerDefinition["check"]>;

export type Source = ServerDefinition["source"];
/** What has an image of its own, in which its adapter starts it. */
export type BuiltSource = Exclude<Source, { readonly kind: "image" | "url" }>;
export const isBuilt = (source: Source): source is BuiltSource => source.kind !== "image" && source.kind !== "url";
/** Whose packages it has. */
export const languageOf = (source: BuiltSource): "python" | "node" =>
  source.kind === "program" ? source.language : source.kind === "pypi" ? "python" : "node";
