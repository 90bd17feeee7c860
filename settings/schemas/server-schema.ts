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
  port,
  risk,
  secretName,
  text,
  variableName,
  wholeNumber,
} from "./fields.ts";

const name = (what: string) => text(/^\S+$/, `${what} without spaces`);
const words = z.string({ error: "text; put numbers, true and false in quotes" });
/** A version such as 1.10 is a number to YAML and would lose its zero. */
const version = text(/^\d[\w.+-]*$/, 'one exact version, in quotes where it looks like a number, such as "1.10"');
const command = list(words, "a list of words, such as [mcp-server-time, --local-timezone, UTC]").default([]);

const source = strict({
  pypi: text(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "the name of a package on PyPI").optional(),
  npm: text(/^(@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/, "the name of a package on npm").optional(),
  image: image.optional(),
  version: version.optional(),
  command,
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
const sdk = z.enum(["python", "typescript", "go"], {
  error: "the SDK the server is made with: python, typescript or go",
});
const transport = z.discriminatedUnion(
  "kind",
  [
    strict({ kind: z.literal("stdio") }),
    strict({ kind: z.literal("sse"), port, path: path.default("/sse"), sdk: sdk.optional() }),
    // LiteLLM 1.77.3 finds no tools in TypeScript servers over http, so the SDK has to be known.
    strict({ kind: z.literal("http"), port, path: path.default("/mcp"), sdk }),
  ],
  { error: (issue) => (issue.code === "invalid_union" ? "stdio, sse or http" : "a map with kind: stdio, sse or http") },
);

const mount = strict({
  name: text(/^[a-z][a-z0-9_]*$/, "a name a stack binds it by: lower-case letters, digits and _"),
  target: absolutePath,
  readOnly: flag.default(true),
});

/** `mcp/<name>/server.yaml`: what one MCP server is, on every stack. Rules between keys are in `resolve/check-server-folder.ts`. */
export const serverDefinition = strict({
  description: text(/^\S[^\n]*$/, "one line that says what the server does"),
  enabled: flag.default(true).describe("Default of every stack."),
  source: source.describe(
    "A package from PyPI or npm, run behind the shared wrapper, or an image that speaks sse or http by itself.",
  ),
  transport,
  register: z
    .enum(["sse", "http"], { error: "sse or http" })
    .optional()
    .describe("Wrapped servers: which of the wrapper's two transports LiteLLM uses."),
  env: map(variableName, words, "a map from variable to text")
    .default({})
    .describe("Ordinary settings; they are shown in previews."),
  secrets: map(variableName, secretName, "a map from variable to the name of a secret")
    .default({})
    .describe("Variable → secret: `postgresReadOnlyUrl` or a name under `litellm-mcp:secrets`."),
  required: map(variableName, text(/\S/, "what to write there"), "a map from variable to what to write there")
    .default({})
    .describe("Variables that only a stack can know, under `servers.<name>.env`: variable → what to write there."),
  bearerToken: secretName
    .optional()
    .describe("Images with caller authentication: the secret that LiteLLM sends them as `Authorization: Bearer …`."),
  egress: flag.default(false).describe("May reach other networks."),
  postgres: flag.default(false).describe("Joins Postgres's network."),
  accessGroups: list(groupName, "a list of groups").default([]),
  data: flag
    .default(false)
    .describe("Wrapped servers: `/data` is a volume, which outlives the container and the stack."),
  mounts: list(mount, "a list of { name, target, readOnly }")
    .default([])
    .describe("Directories of the server that a stack can bind into the container."),
  risks: list(risk, "a list of risks, such as [docker-socket]")
    .default([])
    .describe("What a mount may give the server beyond its own directories, where the stack accepts it."),
  limits: strict({
    memory: memoryMiB.default(256),
    pids: wholeNumber(8, 32_768, "a number of processes from 8")
      .optional()
      .describe("Wrapped servers: processes and threads."),
    tmp: memoryMiB
      .optional()
      .describe(
        "MiB that files in /tmp may take, the only place to write to besides `data`. An image can write everywhere without it.",
      ),
  }).prefault({}),
  healthcheck: z
    .enum(["python", "none"], { error: "python (the image has python3) or none" })
    .optional()
    .describe("Native images only: `python` runs a real MCP exchange with the image's python3."),
  check: strict({
    tool: name("a tool's name"),
    arguments: map(z.string(), z.unknown(), "a map of the tool's arguments").default({}),
    expect: text(/\S/, "text that the answer contains"),
  })
    .optional()
    .describe("A cheap call that proves that the server works; `expect` is text that its answer contains."),
});

export type ServerDefinition = z.infer<typeof serverDefinition>;
export type Transport = ServerDefinition["transport"];
export type Check = NonNullable<ServerDefinition["check"]>;
