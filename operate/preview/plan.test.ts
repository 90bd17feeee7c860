import assert from "node:assert/strict";
import { stripVTControlCharacters } from "node:util";
import { test } from "node:test";
import { SCHEDULED_CHECK, SCHEDULED_CHECK_KEY, STACK_OUTPUTS } from "../../components/resource-names.ts";
import { type PreviewOutput, readPlan } from "./plan.ts";
import { showPlan } from "./show.ts";

const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const CONTAINER = "docker:index/container:Container";
const DYNAMIC = "pulumi-nodejs:dynamic:Resource";

type Step = NonNullable<PreviewOutput["steps"]>[number];

function step(op: string, type: string, name: string, before: object, after: object, rest: Partial<Step> = {}): Step {
  const state = (inputs: object) => ({ type, inputs: inputs as Record<string, unknown> });
  return {
    op,
    urn: `urn:pulumi:lan::litellm-mcp::${type}::${name}`,
    ...(op !== "create" && { oldState: state(before) }),
    ...(op !== "delete" && { newState: state(after) }),
    ...rest,
  };
}

const file = (path: string, content: string) => ({ __defaults: [], file: path, content });
const CONFIG = "model_list:\n  - model_name: mock\nlitellm_settings:\n  drop_params: true\n";

/** One line of LiteLLM's config.yaml is another, and what follows from it; other files come in another order. */
const oneLine: PreviewOutput = {
  steps: [
    step(
      "replace",
      CONTAINER,
      "litellm-container",
      { name: "litellm", uploads: [file("/app/config.yaml", CONFIG), file("/app/health.py", "a\nb\n")] },
      {
        name: "litellm",
        uploads: [file("/app/health.py", "a\nb\n"), file("/app/config.yaml", CONFIG.replace("mock", "hello"))],
      },
      { detailedDiff: { uploads: { kind: "update-replace" } } },
    ),
    step("update", DYNAMIC, "litellm-health", { containerId: "a1" }, { containerId: UNKNOWN }),
    step(
      "update",
      DYNAMIC,
      "gateway-check",
      { triggers: ["a".repeat(64), "b1", "c".repeat(64)] },
      { triggers: [UNKNOWN, "b1", "d".repeat(64)] },
    ),
    step("same", CONTAINER, "mcp-time-container", { name: "mcp-time" }, { name: "mcp-time" }),
  ],
};

const shown = (output: PreviewOutput, lines?: number) =>
  stripVTControlCharacters(showPlan(readPlan(output, STACK_OUTPUTS), lines));

test("of a change of one line, that line is shown, and in one line what follows from it", () => {
  assert.equal(
    shown(oneLine),
    `  ± replace container litellm
      /app/config.yaml
        line 1
         model_list:
        -  - model_name: mock
        +  - model_name: hello
         litellm_settings:
  and with them: litellm-health, gateway-check
  3 to change, 1 unchanged`,
  );
});

test("what has one name is told apart: the scheduled check and its key", () => {
  const named = ["litellm:gateway:ClientKey", "litellm:gateway:ScheduledCheck"].map((type) =>
    step("create", type, SCHEDULED_CHECK, {}, {}),
  );
  assert.deepEqual(
    readPlan({ steps: named }, STACK_OUTPUTS).changes.map(({ what }) => what),
    ["key scheduled-check", "scheduled-check"],
  );
  assert.equal(SCHEDULED_CHECK, SCHEDULED_CHECK_KEY);
});

test("a long text is cut, and the line that says so names the command that shows it", () => {
  const lines = shown(oneLine, 2).split("\n");
  assert.deepEqual(lines.slice(2, 5), [
    "        line 1",
    "         model_list:",
    "        … 3 lines more: npm run preview",
  ]);
});

test("what is put in the middle of a list makes nothing behind it differ", () => {
  const server = (name: string, rest: object) => ({ name, container: `mcp-${name}`, ...rest });
  const [time, git] = [server("time", { tools: ["now"] }), server("git", { tools: ["log", "show"] })];
  const output = {
    steps: [
      step(
        "update",
        DYNAMIC,
        "gateway-check",
        { servers: [time], groups: ["time"], triggers: ["b".repeat(64)] },
        {
          servers: [git, { ...time, container: "mcp-clock" }],
          groups: ["git", "time"],
          triggers: [UNKNOWN, "b".repeat(64)],
        },
      ),
    ],
  };
  assert.equal(
    shown(output),
    `  ~ update  gateway-check
      servers.time.container: mcp-time → mcp-clock
      servers.git.name: git
      servers.git.container: mcp-git
      servers.git.tools: log
      servers.git.tools: show
      groups: git
      triggers.0: (known later)
  1 to change, 0 unchanged`,
  );
  assert.match(shown(output, 3), /servers\.git\.container: mcp-git\n {6}… 4 values more: npm run preview\n/);
});

test("values that are new, gone or other; those of secrets are not shown", () => {
  const output = {
    steps: [
      step(
        "update",
        DYNAMIC,
        "client-phone-key",
        { models: ["mock"], budget: 5, key: "[secret]" },
        { models: ["hello", "mock"], key: "[secret]", tpm: 10, listens: UNKNOWN },
        { detailedDiff: { models: {}, budget: {}, key: {}, tpm: {} } },
      ),
      step("create", CONTAINER, "mcp-git-container", {}, { name: "gw-mcp-git" }),
      step("delete", "docker:index/network:Network", "old", { name: "old-net" }, {}),
    ],
  };
  assert.equal(
    shown(output),
    `  ~ update  client-phone-key
      budget: 5 goes
      models: hello
      tpm: 10
      listens: (known later)
      key: a secret changes
  + create  container gw-mcp-git
  - delete  network old-net
  3 to change, 0 unchanged`,
  );
});

test("what Pulumi calls different, and is the same and no secret, is not shown", () => {
  const same = { name: "litellm-mcp/git:1", build: { context: "./dist/git" } };
  const detailedDiff = { build: {}, "envs[0]": {} };
  assert.equal(
    shown({
      steps: [
        step(
          "replace",
          "docker:index/remoteImage:RemoteImage",
          "git-image",
          same,
          { ...same, name: "git:2" },
          { detailedDiff },
        ),
      ],
    }),
    `  ± replace image git:2
      name: litellm-mcp/git:1 → git:2
  1 to change, 0 unchanged`,
  );
});

test("nothing to change is one line", () => {
  const same = step("same", CONTAINER, "mcp-time-container", {}, {});
  assert.equal(shown({ steps: [same, same] }), "Nothing to change: 2 resources are as the settings say.");
});

test("a change of the state alone, such as an order of resources, is one; where the program stands in its file is none", () => {
  const state = (more: object) => ({ oldState: { type: DYNAMIC }, newState: { type: DYNAMIC, ...more } });
  const isOld = (more: object, outputs: readonly string[] = STACK_OUTPUTS) =>
    readPlan({ steps: [{ ...step("same", DYNAMIC, "x", {}, {}), ...state(more) }] }, outputs).isStateOld;
  assert.equal(isOld({}), false);
  assert.equal(isOld({ sourcePosition: "project:///index.ts#3,4", dependencies: [] }), false);
  assert.equal(isOld({ dependencies: ["urn:a"] }), true);
  assert.equal(isOld({ protect: true }), true);
  assert.equal(isOld({ retainOnDelete: true }), true);
  assert.equal(isOld({}, STACK_OUTPUTS.slice(1)), true, "an output that the state does not have yet");

  const ordered = (...urns: string[]) => ({ type: DYNAMIC, dependencies: urns, propertyDependencies: { envs: urns } });
  const other = {
    ...step("same", DYNAMIC, "x", {}, {}),
    oldState: ordered("urn:a", "urn:b"),
    newState: ordered("urn:b", "urn:a"),
  };
  assert.equal(readPlan({ steps: [other] }, STACK_OUTPUTS).isStateOld, false, "Pulumi gives them in any order");
});

test("warnings and errors come once each, without Pulumi's own words", () => {
  const said = (severity: string, message: string) => ({ severity, message });
  const { warnings, errors } = readPlan(
    {
      diagnostics: [
        said("warning", "warning: Docker is old\n"),
        said("warning", "warning: Docker is old\n"),
        said("info", "by the way"),
        said("error", "error: 1 problem in the settings\n\nPulumi.lan.yaml: …\n"),
      ],
    },
    STACK_OUTPUTS,
  );
  assert.deepEqual(warnings, ["Docker is old"]);
  assert.deepEqual(errors, ["1 problem in the settings\n\nPulumi.lan.yaml: …"]);
});

test("images that are to be built are named with what is built; one that is pulled or stays is none", () => {
  const build = { context: "./dist/time", dockerfile: "Dockerfile", buildArgs: { NODE_IMAGE: "node:22" } };
  const of = (op: string, name: string, inputs: object) =>
    step(op, "docker:index/remoteImage:RemoteImage", `${name}-image`, {}, { name, ...inputs });
  const { builds } = readPlan(
    {
      steps: [
        of("create", "litellm-mcp/time:abc", { build }),
        of("replace", "litellm-mcp/git:abc", { build: { context: "./dist/git", dockerfile: "Dockerfile" } }),
        of("same", "litellm-mcp/memory:abc", { build }),
        of("create", "postgres:17.6-trixie", {}),
      ],
    },
    STACK_OUTPUTS,
  );
  assert.deepEqual(builds, [
    { name: "litellm-mcp/time:abc", ...build },
    { name: "litellm-mcp/git:abc", context: "./dist/git", dockerfile: "Dockerfile", buildArgs: {} },
  ]);
});
