import { BlockList, isIPv4 } from "node:net";
import semver from "semver";
import { z } from "zod";
import { isMap } from "../../lib/is-map.ts";
import { strict } from "../../lib/strict.ts";
import {
  absolutePath,
  filledList,
  flag,
  groupName,
  image,
  list,
  map,
  memoryMiB,
  clientName,
  orEmpty,
  port,
  positiveNumber,
  risk,
  secretName,
  serverName,
  sqlName,
  text,
  variableName,
  wholeNumber,
} from "./fields.ts";

/** Every key of a stack's file begins with it: `litellm-mcp:docker`. */
export const NAMESPACE = "litellm-mcp";

/** The client that every stack has: its key proves the gateway. */
export const TEST_CLIENT = "test-key";

const hostPattern = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const homePath = text(/^(\/|~\/)\S+$/, "an absolute path or one that begins with ~/, without spaces");

const docker = strict({
  host: text(
    /^(unix:\/\/\/\S+|ssh:\/\/([^\s@/:]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?)$/,
    "unix:///var/run/docker.sock for this machine, or ssh://user@server",
  ),
  knownHosts: homePath.optional().describe("File with the server's host key; ssh's own files when left out."),
  identity: homePath.optional().describe("Private key; ssh's own choice when left out."),
  sshOptions: list(
    text(
      /^(?!.*StrictHostKeyChecking)\S+$/i,
      "an option of ssh, word by word, other than StrictHostKeyChecking, which is always yes",
    ),
    'a list of options of ssh, such as ["-o", "ProxyJump=gate"]',
  ).default([]),
});

/** Loopback and RFC 1918. Link-local (169.254) comes and goes, and 100.64/10 belongs to the provider, not to a LAN. */
const lanAddresses = new BlockList();
lanAddresses.addSubnet("127.0.0.0", 8, "ipv4");
lanAddresses.addSubnet("10.0.0.0", 8, "ipv4");
lanAddresses.addSubnet("172.16.0.0", 12, "ipv4");
lanAddresses.addSubnet("192.168.0.0", 16, "ipv4");

const lanAdvice =
  "the server's IPv4 address in the LAN: 10.x.x.x, 172.16-31.x.x, 192.168.x.x, or 127.0.0.1 for this machine only";
const lan = strict({
  address: z
    .string({ error: lanAdvice })
    .describe(lanAdvice)
    .refine((value) => isIPv4(value) && lanAddresses.check(value, "ipv4"), { error: lanAdvice }),
  hostname: text(hostPattern, "the server's name, such as linuxserver.lan").optional(),
});

const settings = map(z.string(), z.unknown(), "a map of LiteLLM's settings").default({});

const VERSION_ADVICE = 'LiteLLM\'s version, such as "1.77.3"';

const gateway = strict({
  image: image.default("ghcr.io/berriai/litellm:v1.77.3-stable"),
  version: text(/^\d+\.\d+\.\d+$/, VERSION_ADVICE)
    .refine((version) => semver.valid(version), { error: VERSION_ADVICE })
    .optional()
    .describe("Only needed where the image's tag does not tell."),
  port: port.default(4000),
  adminPort: port
    .optional()
    .describe(
      "Port of the host's loopback, 127.0.0.1, where LiteLLM itself listens, for administration; `port` + 1 when left out.",
    ),
  memory: memoryMiB.default(2048),
  auditResults: flag.default(false).describe("Audit lines have what the tools answered as well."),
  auditDays: wholeNumber(1, 36_500, "days, a whole number from 1")
    .default(90)
    .describe("Days that audit lines are kept."),
  auditMiB: wholeNumber(16, 1_048_576, "MiB, a whole number from 16")
    .default(1024)
    .describe("MiB that audit files may take; the oldest go first."),
  bodyMiB: wholeNumber(1, 64, "MiB, 1 to 64").default(8).describe("Largest body of a client's request."),
  storePrompts: flag
    .default(false)
    .describe("LiteLLM's rows of spend have what was asked of models and what they answered as well."),
  spendDays: wholeNumber(1, 36_500, "days, a whole number from 1")
    .default(90)
    .describe("Days that LiteLLM's rows of spend are kept."),
  generalSettings: settings,
  litellmSettings: settings,
});

const readOnly = strict({
  role: sqlName.default("mcp_readonly"),
  database: sqlName.default("mcp_db"),
  create: flag.default(true),
  schemas: filledList(sqlName, "a list of at least one schema").default(["public"]),
}).prefault({});

const containerReachable = "an address or name that the containers reach too, not this machine's loopback";
const postgres = z.preprocess(
  (value) => (isMap(value) && !("kind" in value) ? { kind: "dedicated", ...value } : value),
  z.discriminatedUnion(
    "kind",
    [
      strict({
        kind: z.literal("dedicated"),
        image: image.default("postgres:17.6-trixie"),
        port: port.default(5432).describe("Port of the host's loopback, 127.0.0.1."),
        tunnelPort: port
          .optional()
          .describe(
            "Port of this machine's loopback, for the tunnel to a host over ssh; 20000 to 29999, always the same one for a host and port, when left out.",
          ),
        protect: flag.default(false),
        memory: memoryMiB.default(512),
        readOnly,
      }),
      strict({
        kind: z.literal("existing"),
        host: text(hostPattern, containerReachable).refine((host) => !/^(localhost|127\..*)$/i.test(host), {
          error: containerReachable,
        }),
        port: port.default(5432),
        adminUser: sqlName.default("postgres"),
        sslmode: z
          .enum(["disable", "require", "verify-ca", "verify-full"], {
            error: "disable, require, verify-ca or verify-full",
          })
          .default("require"),
        protect: flag.default(true),
        readOnly,
      }),
    ],
    {
      error: (issue) =>
        issue.code === "invalid_union"
          ? "dedicated (a container of this stack) or existing"
          : "a map with kind: dedicated or existing",
    },
  ),
);

const model = strict({
  name: text(/^\S+$/, "the name clients ask for, without spaces"),
  params: z
    .record(z.string(), z.unknown(), { error: "LiteLLM's litellm_params, such as { model: openai/gpt-5 }" })
    .refine((params) => typeof params["model"] === "string", {
      error: "provider and model, such as openai/gpt-5",
      path: ["model"],
    }),
  secrets: map(z.string(), secretName, "a map from parameter to the name of a secret, such as { api_key: openaiKey }")
    .default({})
    .describe("Parameter → name of a stack secret."),
});

/** Answers at once, costs nothing and needs no key: a first model to try the gateway with. */
const mockModel = {
  name: "mock",
  params: {
    model: "openai/mock",
    api_key: "none",
    mock_response: "MOCK-OK",
    input_cost_per_token: 0,
    output_cost_per_token: 0,
  },
};

/** A stack's changes to one folder under `mcp/`. */
const serverOverride = orEmpty(
  strict({
    enabled: flag.optional(),
    mounts: map(z.string(), absolutePath, "a map from mount to directory, such as { repositories: /srv/git }")
      .default({})
      .describe("Mount's name → directory of the server."),
    debugPort: wholeNumber(48_000, 48_999, "a port, 48000 to 48999").optional(),
    env: map(
      variableName,
      // `pulumi config set --path` makes numbers and booleans of what looks like one.
      z.union([z.string(), z.number().transform(String), z.boolean().transform(String)], { error: "text" }),
      "a map from variable to text",
    ).default({}),
    secrets: map(variableName, secretName, "a map from variable to the name of a secret")
      .default({})
      .describe("Further variables from secrets, such as a key that the server can do without."),
    acceptRisks: list(risk, "a list of risks, such as [docker-socket]")
      .default([])
      .describe("Risks that server.yaml declares and this stack takes."),
    egress: flag.optional().describe("May reach other networks, beyond what server.yaml says."),
  }),
);

const toolName = text(/^\S+$/, "a tool's own name, without the server's before it");

const client = orEmpty(
  strict({
    servers: filledList(serverName, "a list of servers; left out together with groups: all of them").optional(),
    groups: filledList(groupName, "a list of access groups; left out together with servers: all servers").optional(),
    tools: map(
      serverName,
      strict({
        allow: list(toolName, "a list of tools: these and no others").optional(),
        deny: list(toolName, "a list of tools: all but these").optional(),
      }),
      "a map from server to { allow: [tool] } or { deny: [tool] }",
    )
      .default({})
      .describe("Server → its tools that the client may call; without an entry all of them."),
    models: filledList(z.string({ error: "a model's name" }), "a list of models; left out: all of them").optional(),
    rpm: wholeNumber(1, 1_000_000, "requests a minute, a whole number from 1").optional(),
    parallel: wholeNumber(1, 1_000, "requests at once, 1 to 1000").default(32).describe("Requests at once."),
    budget: positiveNumber("USD, a number above 0").optional(),
  }),
);

/** Keys of a stack's file, without `secrets`: values of secrets never pass through a schema. */
export const stackKeys = {
  docker,
  lan,
  gateway: gateway.prefault({}),
  postgres: postgres.prefault({}),
  models: list(model, "a list of { name, params, secrets }").prefault([mockModel]),
  servers: map(
    serverName,
    serverOverride,
    "a map from a folder under mcp/ to its changes, such as { git: { enabled: false } }",
  ).prefault({}),
  clients: map(clientName, client, "a map from client to its rights, such as { test-key: {} }").prefault({
    [TEST_CLIENT]: {},
  }),
  namePrefix: text(
    /^([a-z][a-z0-9-]*-)?$/,
    'lower-case letters, digits and - with a - at the end, such as "lab-", or nothing',
  ).prefault(""),
};

export type StackConfig = { readonly [K in keyof typeof stackKeys]: z.infer<(typeof stackKeys)[K]> };
