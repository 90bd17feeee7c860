import { BlockList, isIPv4 } from "node:net";
import semver from "semver";
import { z } from "zod";
import { isMap } from "../../lib/is-map.ts";
import { lanAddressAdvice } from "../../lib/lan-addresses.ts";
import { strict } from "../../lib/strict.ts";
import { POSTGRES_EXTENSIONS, type PostgresExtension } from "../settings.ts";
import {
  absolutePath,
  clientName,
  filledList,
  flag,
  groupName,
  image,
  list,
  map,
  memoryMiB,
  networkName,
  oneOf,
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
import { backup } from "./backup-schema.ts";
import { guard } from "./guard-schema.ts";
import { monitoring } from "./monitoring-schema.ts";
import { redis } from "./redis-schema.ts";
import { modelName, routing } from "./routing-schema.ts";
import { scheduledCheck } from "./scheduled-check-schema.ts";
import { telemetry } from "./telemetry-schema.ts";

/** Every key of a stack's file begins with it: `litellm-mcp:docker`. */
export const NAMESPACE = "litellm-mcp";

/** Of the stack's own Postgres, and of what reads another one. */
export const POSTGRES_IMAGE = "postgres:17.6-trixie";

/** The client that every stack has: its key proves the gateway. */
export const TEST_CLIENT = "test-key";

const hostPattern = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const homePath = text(/^(\/|~\/)\S+$/, "an absolute path or one that begins with ~/, without spaces");

const docker = strict({
  host: text(
    /^(unix:\/\/\/\S+|ssh:\/\/([^\s@/:]+@)?[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?)$/,
    "unix:///var/run/docker.sock for this machine, or ssh://user@host",
  ).describe("The Docker daemon that runs the gateway: of this machine, or of a host that is reached over ssh."),
  knownHosts: homePath
    .optional()
    .describe(
      "For ssh: the file with the host's key. Left out, ssh looks into its own files. An unknown host is refused.",
    ),
  identity: homePath.optional().describe("For ssh: the file with the private key. Left out, ssh chooses."),
  sshOptions: list(
    text(
      /^(?!.*StrictHostKeyChecking)\S+$/i,
      "an option of ssh, word by word, other than StrictHostKeyChecking, which is always yes",
    ),
    'a list of options of ssh, such as ["-o", "ProxyJump=gate"]',
  )
    .default([])
    .describe("For ssh: further options of its command line."),
}).meta({
  description: "Where the gateway runs.",
  examples: [
    { host: "unix:///var/run/docker.sock" },
    {
      host: "ssh://user@linuxserver.lan",
      knownHosts: "~/.ssh/known_hosts",
      identity: "~/.ssh/id_ed25519",
      sshOptions: ["-o", "ProxyJump=gate"],
    },
  ],
});

/** Loopback and RFC 1918. Link-local (169.254) comes and goes, and 100.64/10 belongs to the provider, not to a LAN. */
const lanAddresses = new BlockList();
lanAddresses.addSubnet("127.0.0.0", 8, "ipv4");
lanAddresses.addSubnet("10.0.0.0", 8, "ipv4");
lanAddresses.addSubnet("172.16.0.0", 12, "ipv4");
lanAddresses.addSubnet("192.168.0.0", 16, "ipv4");

const LAN_ADVICE =
  "the host's IPv4 address in the LAN: 10.x.x.x, 172.16-31.x.x, 192.168.x.x, or 127.0.0.1 for this machine only";

const lan = strict({
  address: z
    .string({ error: LAN_ADVICE })
    .meta({ title: LAN_ADVICE })
    .refine((value) => isIPv4(value) && lanAddresses.check(value, "ipv4"), { error: LAN_ADVICE })
    .describe(
      "The one address that the gateway's port, and every `debugPort`, is published on. The gateway's port is on the " +
        "host's loopback as well, so that `localhost` works on the host itself.",
    ),
  hostname: text(hostPattern, "the host's name, such as linuxserver.lan")
    .optional()
    .describe("Stands in printed URLs and in the files for clients. Left out, they have the address."),
}).meta({
  description: "Where clients find the gateway.",
  examples: [{ address: "192.168.1.10", hostname: "linuxserver.lan" }],
});

const litellmSettings = map(z.string(), z.unknown(), "a map of LiteLLM's settings").default({});

const VERSION_ADVICE = 'LiteLLM\'s version, such as "1.77.3"';

const gateway = strict({
  image: image
    .default("ghcr.io/berriai/litellm:v1.77.3-stable")
    .describe("LiteLLM's image. docs/litellm-versions.md says what differs between versions."),
  version: text(/^\d+\.\d+\.\d+$/, VERSION_ADVICE)
    .refine((version) => semver.valid(version), { error: VERSION_ADVICE })
    .optional()
    .describe("LiteLLM's version. It is needed only where the image's tag does not say it."),
  port: port.default(4000).describe("Port of `lan.address` that clients connect to."),
  adminPort: port
    .optional()
    .describe(
      "Port of the host's loopback, 127.0.0.1, where LiteLLM itself listens, for administration. Left out, it is `port` + 1.",
    ),
  memory: memoryMiB
    .default(2048)
    .describe("Memory of LiteLLM's container in MiB. LiteLLM is restarted before it runs out."),
  debug: flag
    .default(false)
    .describe(
      "LiteLLM's log says everything, to look for a fault: settings, headers, what clients and models say. Keys, passwords " +
        "and tokens are masked in it.",
    ),
  auditResults: flag.default(false).describe("Audit lines also have what the tools answered."),
  auditDays: wholeNumber(1, 36_500, "days, a whole number from 1")
    .default(90)
    .describe("For how many days audit files are kept."),
  auditMiB: wholeNumber(16, 1_048_576, "MiB, a whole number from 16")
    .default(1024)
    .describe("How much room audit files may take, in MiB. The oldest are deleted first."),
  bodyMiB: wholeNumber(1, 64, "MiB, 1 to 64").default(8).describe("Largest body of a client's request, in MiB."),
  storePrompts: flag
    .default(false)
    .describe("LiteLLM's rows of spend also have what models were asked and what they answered."),
  spendDays: wholeNumber(1, 36_500, "days, a whole number from 1")
    .default(90)
    .describe("For how many days LiteLLM's rows of spend are kept."),
  generalSettings: litellmSettings.describe(
    "LiteLLM's `general_settings`. A setting that the version ignores, or that this program writes itself, is refused.",
  ),
  litellmSettings: litellmSettings.describe("LiteLLM's `litellm_settings`, under the same rule."),
}).meta({
  description: "LiteLLM, and the ingress in front of it that clients talk to.",
  examples: [
    {
      image: "ghcr.io/berriai/litellm:v1.77.7-stable",
      port: 4010,
      adminPort: 4011,
      memory: 4096,
      debug: true,
      auditResults: true,
      auditDays: 365,
      auditMiB: 4096,
      bodyMiB: 16,
      storePrompts: true,
      spendDays: 30,
      generalSettings: { background_health_checks: true },
      litellmSettings: { drop_params: true },
    },
    { image: `ghcr.io/berriai/litellm@sha256:${"0".repeat(64)}`, version: "1.77.7" },
  ],
});

/** @param extensions The default. */
const readOnly = (extensions: PostgresExtension[]) =>
  strict({
    role: sqlName
      .default("mcp_readonly")
      .describe("The role, which this program makes. It may SELECT and nothing else."),
    database: sqlName.default("mcp_db").describe("The one database that it reads."),
    create: flag.default(true).describe("Make the database. Write false when it exists already."),
    schemas: filledList(sqlName, "a list of at least one schema")
      .default(["public"])
      .describe("The schemas that it reads."),
    owners: list(sqlName, "a list of roles")
      .default([])
      .describe(
        "Roles whose tables it reads as soon as they make them, beside the administrator's. Tables that are there at " +
          "`up` are read whoever made them.",
      ),
    extensions: list(
      oneOf(POSTGRES_EXTENSIONS, POSTGRES_EXTENSIONS.join(" or ")),
      `a list of extensions: ${POSTGRES_EXTENSIONS.join(", ")}`,
    )
      .default(extensions)
      .describe(
        "Extensions for its tools, which `up` makes in that database. `pg_stat_statements`: `get_top_queries` and " +
          "`analyze_workload_indexes`. `hypopg`: indexes that are tried without being made. On an existing server they " +
          "have to be installed.",
      ),
  })
    .prefault({})
    .describe("What the Postgres MCP server may read.");

const existingNetworks = strict({
  mcp: networkName
    .optional()
    .describe("The network of LiteLLM and the MCP servers. Left out, `litellm-mcp-net` is made, which has no way out."),
  postgres: networkName
    .optional()
    .describe(
      "The network of Postgres, LiteLLM and the servers that read Postgres. Left out, it is `postgres.network`, or " +
        "`postgres-net` is made, which has no way out.",
    ),
})
  .prefault({})
  .meta({
    description:
      "Bridge networks of the host that somebody else made: they are joined, and never changed or removed. Containers " +
      "that are on them already can then reach the stack's, and the other way round.",
    examples: [{ mcp: "litellm-mcp-net", postgres: "postgres-net" }],
  });

const CONTAINER_REACHABLE = "an address or name that the containers reach too, not this machine's loopback";
const POSTGRES_ADVICE = "a map with kind: dedicated or existing";
const postgres = z
  .preprocess(
    (value) => (isMap(value) && !("kind" in value) ? { kind: "dedicated", ...value } : value),
    z.discriminatedUnion(
      "kind",
      [
        strict({
          kind: z.literal("dedicated").describe("A container of this stack. `kind` can be left out then."),
          image: image.default(POSTGRES_IMAGE).describe("Its image."),
          port: port.default(5432).describe("Port of the host's loopback, 127.0.0.1, that it is published on."),
          tunnelPort: port
            .optional()
            .describe(
              "Port of this machine's loopback, for the tunnel to a host over ssh. Left out, it is one of 20000 to 29999, " +
                "always the same one for the same host and port.",
            ),
          protect: flag.default(false).describe("`pulumi destroy` refuses to delete its volume and databases."),
          memory: memoryMiB.default(512).describe("Memory of its container in MiB."),
          readOnly: readOnly([...POSTGRES_EXTENSIONS]),
        }),
        strict({
          kind: z
            .literal("existing")
            .describe("A Postgres server that runs already. It needs the secret `postgresAdminPassword`."),
          host: text(hostPattern, CONTAINER_REACHABLE)
            .refine((host) => !/^(localhost|127\..*)$/i.test(host), { error: CONTAINER_REACHABLE })
            .describe(
              "Where it listens, as seen from this machine and from the containers. With `network`: the name of its " +
                "container, or an alias that it has on that network.",
            ),
          network: networkName
            .optional()
            .describe(
              "The network of the host's Docker on which it is a container. LiteLLM and the servers that read Postgres " +
                "join it, and Pulumi reaches it through the host: it needs no published port.",
            ),
          port: port.default(5432).describe("Port that it listens on; with `network`, within its container."),
          tunnelPort: port
            .optional()
            .describe(
              "With `network`: port of this machine's loopback, for the way to it. Left out, it is one of 20000 to " +
                "29999, always the same one for the same host, network, container and port.",
            ),
          adminUser: sqlName.default("postgres").describe("Role that may make roles and databases."),
          sslmode: oneOf(
            ["disable", "require", "verify-ca", "verify-full"],
            "disable, require, verify-ca or verify-full",
          )
            .optional()
            .describe(
              "Whether connections to it are encrypted, and what is checked of its certificate. Left out, it is " +
                "`require` where the server offers encryption, otherwise `disable`.",
            ),
          protect: flag.default(true).describe("`pulumi destroy` refuses to drop the databases."),
          readOnly: readOnly([]),
        }),
      ],
      {
        error: (issue) =>
          issue.code === "invalid_union" ? "dedicated (a container of this stack) or existing" : POSTGRES_ADVICE,
      },
    ),
  )
  .meta({
    title: POSTGRES_ADVICE,
    description: "The Postgres server for LiteLLM's data, and for the database that the Postgres MCP server reads.",
    examples: [
      {
        image: "postgres:17.6-trixie",
        port: 5433,
        tunnelPort: 21000,
        protect: true,
        memory: 1024,
        readOnly: {
          role: "reader",
          database: "shop",
          create: false,
          schemas: ["public", "sales"],
          owners: ["shop_owner"],
          extensions: ["pg_stat_statements"],
        },
      },
      {
        kind: "existing",
        host: "192.168.1.20",
        port: 5432,
        adminUser: "postgres",
        sslmode: "verify-full",
        protect: true,
        readOnly: { database: "shop", create: false },
      },
      {
        kind: "existing",
        network: "postgres-net",
        host: "postgres",
        port: 5432,
        tunnelPort: 21001,
        readOnly: { database: "shop", create: false },
      },
    ],
  });

const PARAMS_ADVICE = "LiteLLM's litellm_params, such as { model: openai/gpt-5 }";
const model = strict({
  name: modelName.describe(
    "The model's name for clients. Entries of the same name are deployments of one model, which share its requests.",
  ),
  params: z
    .record(z.string(), z.unknown(), { error: PARAMS_ADVICE })
    .meta({ title: PARAMS_ADVICE })
    .refine((params) => typeof params["model"] === "string", {
      error: "provider and model, such as openai/gpt-5",
      path: ["model"],
    })
    .describe("What LiteLLM needs to reach the model. `model` is always among it."),
  secrets: map(z.string(), secretName, "a map from parameter to the name of a secret, such as { api_key: openaiKey }")
    .default({})
    .describe("Further parameters, whose values are secrets under `litellm-mcp:secrets`."),
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

const toolName = text(/^\S+$/, "a tool's own name, without the server's before it");
const USD = "USD, a number above 0";

/** A stack's changes to one folder under `mcp/`. */
const LAN_ADDRESSES_ADVICE = "a list of addresses and networks, such as [192.168.1.20:8080, 192.168.2.0/24]";
const lanAddress = z
  .string({ error: LAN_ADDRESSES_ADVICE })
  .meta({ title: "an address or a network of the LAN" })
  .superRefine((value, context) => {
    const message = lanAddressAdvice(value);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

const serverOverride = orEmpty(
  strict({
    enabled: flag
      .optional()
      .describe("Whether this stack runs the server. Left out, `enabled` of server.yaml says it."),
    mounts: map(z.string(), absolutePath, "a map from mount to directory, such as { repositories: /srv/git }")
      .default({})
      .describe("Directories of the host that the server gets, by the names of its mounts in server.yaml."),
    debugPort: wholeNumber(48_000, 48_999, "a port, 48000 to 48999")
      .optional()
      .describe(
        "Port of `lan.address` that the server's adapter is published on. Whoever uses it needs its token (`pulumi stack output serverTokens`).",
      ),
    env: map(
      variableName,
      // `pulumi config set --path` makes numbers and booleans of what looks like one.
      z.union([z.string(), z.number().transform(String), z.boolean().transform(String)], { error: "text" }),
      "a map from variable to text",
    )
      .default({})
      .describe("Variables of its container, beside and instead of those of server.yaml. Previews show them."),
    secrets: map(variableName, secretName, "a map from variable to the name of a secret")
      .default({})
      .describe("Further variables, whose values are secrets under `litellm-mcp:secrets`."),
    acceptRisks: list(risk, "a list of risks, such as [docker-socket]")
      .default([])
      .describe("Risks that server.yaml declares and this stack takes. Without them the server is refused."),
    egress: flag
      .optional()
      .describe("Whether the server may reach the LAN and the internet. Left out, `egress` of server.yaml says it."),
    lanAddresses: list(lanAddress, LAN_ADDRESSES_ADVICE)
      .default([])
      .describe(
        "Of a server with `proxied: true`, such as `fetch`: addresses of the LAN whose pages it may ask for. `192.168.1.20` is its ports 80 and 443, `192.168.1.20:8080` that port alone, and `192.168.1.0/24` ports 80 and 443 of the whole network but for the gateway's own. No other private address is reached; public ones are open.",
      ),
    costPerCall: positiveNumber(USD)
      .optional()
      .describe("What a call of one of its tools costs, in USD. It counts against the client's `budget`."),
    toolCosts: map(toolName, positiveNumber(USD), "a map from tool to USD, such as { search: 0.01 }")
      .default({})
      .describe("What a call of these tools costs instead, in USD."),
  }),
);

const BUDGET_PERIODS = ["day", "week", "month"] as const;
export type BudgetPeriod = (typeof BUDGET_PERIODS)[number];

const client = orEmpty(
  strict({
    servers: filledList(serverName, "a list of servers; left out together with groups: all of them")
      .optional()
      .describe("Servers that the client may use."),
    groups: filledList(groupName, "a list of access groups; left out together with servers: all servers")
      .optional()
      .describe("Access groups (`accessGroups` of server.yaml) whose servers the client may use as well."),
    tools: map(
      serverName,
      strict({
        allow: list(toolName, "a list of tools: these and no others")
          .optional()
          .describe("The only tools of the server that the client may call."),
        deny: list(toolName, "a list of tools: all but these")
          .optional()
          .describe("Tools of the server that the client may not call."),
      }),
      "a map from server to { allow: [tool] } or { deny: [tool] }",
    )
      .default({})
      .describe(
        "Narrows a server down to some of its tools. The client may call every tool of a server that is not here.",
      ),
    models: filledList(
      z.string({ error: "a model's name" }).meta({ title: "a model's name" }),
      "a list of models; left out: all of them",
    )
      .optional()
      .describe("Models that the client may use."),
    rpm: wholeNumber(1, 1_000_000, "requests a minute, a whole number from 1")
      .optional()
      .describe("Most requests a minute. Left out, there is no limit."),
    parallel: wholeNumber(1, 1_000, "requests at once, 1 to 1000").default(32).describe("Most requests at once."),
    tpm: wholeNumber(1, 1_000_000_000, "tokens a minute, a whole number from 1")
      .optional()
      .describe(
        "Most tokens of models a minute, asked and answered. Whoever has used more is refused models and tools until a " +
          "minute is over. Left out, there is no limit.",
      ),
    budget: positiveNumber(USD)
      .optional()
      .describe(
        "What the client's use of models, and of tools that have a cost, may cost in USD: in all, or in each " +
          "`budgetPeriod`. Left out, there is no limit.",
      ),
    budgetPeriod: oneOf(BUDGET_PERIODS, "day, week or month")
      .optional()
      .describe(
        "What was spent is forgotten at midnight (UTC), of each day, each Monday or the first of each month; LiteLLM " +
          "looks every ten minutes. Left out, it is never forgotten.",
      ),
  }),
);

/** Keys of a stack's file, without `secrets`: values of secrets never pass through a schema. */
export const stackKeys = {
  docker,
  lan,
  gateway: gateway.prefault({}),
  postgres: postgres.prefault({}),
  existingNetworks,
  models: list(model, "a list of { name, params, secrets }")
    .prefault([mockModel])
    .meta({
      description:
        "The models that clients may ask for. The default answers `MOCK-OK` to everything, to try the gateway with.",
      examples: [
        [
          { name: "gpt", params: { model: "openai/gpt-5" }, secrets: { api_key: "openaiKey" } },
          { name: "local", params: { model: "ollama/qwen3", api_base: "http://192.168.1.30:11434", weight: 2 } },
          { name: "local", params: { model: "ollama/qwen3", api_base: "http://192.168.1.31:11434", weight: 1 } },
        ],
      ],
    }),
  routing,
  redis,
  backup,
  scheduledCheck,
  monitoring,
  telemetry,
  guard,
  servers: map(
    serverName,
    serverOverride,
    "a map from a folder under mcp/ to its changes, such as { git: { enabled: false } }",
  )
    .prefault({})
    .meta({
      description: "What this stack changes of MCP servers. Each folder under mcp/ is one.",
      examples: [
        {
          git: { mounts: { repositories: "/srv/git" } },
          fetch: { lanAddresses: ["192.168.1.20:8080", "192.168.2.0/24"] },
          time: { enabled: false },
          searxng: { costPerCall: 0.001, toolCosts: { searxng_web_search: 0.005 } },
          n8n_workflows: {
            enabled: true,
            env: { N8N_API_URL: "http://n8n.lan:5678" },
          },
          context7: { enabled: true, secrets: { CONTEXT7_API_KEY: "context7ApiKey" } },
          everything: { enabled: true, egress: true },
          my_docker: { mounts: { socket: "/var/run/docker.sock" }, acceptRisks: ["docker-socket"], debugPort: 48001 },
        },
      ],
    }),
  clients: map(clientName, client, "a map from client to its rights, such as { test-key: {} }")
    .prefault({ [TEST_CLIENT]: {} })
    .meta({
      description: `The clients of the gateway, each with a key of its own. \`${TEST_CLIENT}\` must be among them.`,
      examples: [
        {
          "test-key": {},
          codex: { groups: ["utility"], rpm: 60, parallel: 8 },
          phone: {
            servers: ["git", "time"],
            tools: { git: { allow: ["git_log"] }, time: { deny: ["convert_time"] } },
            models: ["gpt"],
            tpm: 20_000,
            budget: 5,
            budgetPeriod: "month",
          },
        },
      ],
    }),
  namePrefix: text(
    /^([a-z][a-z0-9-]*-)?$/,
    'lower-case letters, digits and - with a - at the end, such as "lab-", or nothing',
  )
    .prefault("")
    .meta({
      description:
        "Stands before the name of every container, network and volume, so that two stacks can share a host. They need different ports, too.",
      examples: ["lab-"],
    }),
};

export type StackConfig = { readonly [K in keyof typeof stackKeys]: z.infer<(typeof stackKeys)[K]> };
