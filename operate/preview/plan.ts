import { isDeepStrictEqual } from "node:util";
import {
  CLIENT_KEY_TYPE,
  CONTAINER_TYPE,
  IMAGE_TYPE,
  NETWORK_TYPE,
  PASSWORD_TYPE,
  STACK_OUTPUTS,
  VOLUME_TYPE,
} from "../../components/resource-names.ts";
import { isMap } from "../../lib/is-map.ts";
import { mapValues } from "../../lib/map-values.ts";

/** What `pulumi preview --json --show-sames` prints; only what is read here. Secrets are `[secret]` in it. */
export interface PreviewOutput {
  readonly steps?: readonly PreviewStep[];
  readonly diagnostics?: readonly { readonly message?: string; readonly severity: string }[];
}

interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: PreviewState;
  readonly newState?: PreviewState;
  /** Paths of what differs; also of secrets, whose values are not there. */
  readonly detailedDiff?: Readonly<Record<string, unknown>> | null;
}

type PreviewState = Readonly<Record<string, unknown>> & {
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
};

export type Action = "create" | "update" | "replace" | "delete";

/** What happens to one resource. */
export interface Change {
  readonly action: Action;
  /** For example `container mcp-git`, with the name on the daemon. */
  readonly what: string;
  readonly urn: string;
  readonly fields: readonly Field[];
  /** Whether it changes only because of what another change gives: a new id, for example. */
  readonly follows: boolean;
}

/** A value that differs; undefined where there is none. */
export interface Field {
  /** Dotted, for example `labels.project`; of a file in a container its path there. */
  readonly name: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** What an `up` would do. */
export interface Plan {
  readonly changes: readonly Change[];
  readonly unchanged: number;
  /** Whether the state would change though nothing on the host does: which resource depends on which, for example. */
  readonly isStateOld: boolean;
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
  /** Images that are built. */
  readonly builds: readonly PlannedBuild[];
}

/** An image that a daemon is to build. */
export interface PlannedBuild {
  readonly name: string;
  /** Folder of the project. */
  readonly context: string;
  readonly dockerfile: string;
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** How a value shows that is a secret, and one that is there only after another change. */
export const SECRET = "[secret]";
/** Pulumi's own word for it: rpc.UnknownStringValue. */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const ACTIONS: Readonly<Record<string, Action>> = {
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
};

/** Of a resource that stays as it is, what a preview says otherwise than the state without any meaning. */
const MEANINGLESS = ["created", "modified", "sourcePosition", "stackTrace", "id", "outputs", "inputs"];

/** @param outputs Names of the outputs that the state has. */
export function readPlan({ steps = [], diagnostics = [] }: PreviewOutput, outputs: readonly string[]): Plan {
  const said = (severity: string) => [
    ...new Set(
      diagnostics
        .filter((one) => one.severity === severity)
        .map(({ message = "" }) => message.replace(/^(warning|error): /, "").trim())
        .filter(Boolean),
    ),
  ];
  const same = steps.filter(({ op }) => op === "same");
  return {
    changes: steps.flatMap((step) => change(step) ?? []),
    unchanged: same.length,
    isStateOld: STACK_OUTPUTS.some((name) => !outputs.includes(name)) || same.some(isOld),
    warnings: said("warning"),
    errors: said("error"),
    builds: steps.flatMap((step) => plannedBuild(step) ?? []),
  };
}

function plannedBuild({ op, newState }: PreviewStep): PlannedBuild | undefined {
  const { name, build } = (newState?.inputs ?? {}) as { name?: string; build?: Omit<PlannedBuild, "name"> };
  if (newState?.type !== IMAGE_TYPE || !(op in ACTIONS) || name === undefined || !build) return undefined;
  const { context, dockerfile, buildArgs = {} } = build;
  return { name, context, dockerfile, buildArgs };
}

function change(step: PreviewStep): Change | undefined {
  const action = ACTIONS[step.op];
  const state = step.newState ?? step.oldState;
  if (!action || !state) return undefined;
  const [before, after] = [step.oldState?.inputs ?? {}, step.newState?.inputs ?? {}];
  const fields = action === "create" || action === "delete" ? [] : differing(before, after, step.detailedDiff ?? {});
  const follows = fields.length > 0 && fields.every(isConsequence);
  return { action, what: named(step.urn, state), urn: step.urn, fields, follows };
}

/** A value that another change gives, or the id of a container that is another now. */
const isConsequence = ({ before, after }: Field): boolean =>
  after === UNKNOWN || [before, after].every((value) => value === undefined || isId(value));

const isId = (value: unknown) => /^[0-9a-f]{64}$/.test(String(value));

const WORDS: Readonly<Record<string, string>> = {
  [CONTAINER_TYPE]: "container",
  [IMAGE_TYPE]: "image",
  [NETWORK_TYPE]: "network",
  [VOLUME_TYPE]: "volume",
  [PASSWORD_TYPE]: "secret",
  // The scheduled check and its key have one name.
  [CLIENT_KEY_TYPE]: "key",
  "postgresql:index/database:Database": "database",
  "postgresql:index/role:Role": "user",
};

function named(urn: string, { type, inputs = {} }: PreviewState): string {
  const own = urn.split("::").at(-1)!;
  const word = WORDS[type];
  const name = inputs["name"];
  return word ? `${word} ${typeof name === "string" && name !== UNKNOWN ? name : own}` : own;
}

function differing(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
  detailed: Readonly<Record<string, unknown>>,
): Field[] {
  const [old, now] = [flat(before), flat(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  const fields = names
    .filter((name) => old.get(name) !== now.get(name))
    .map((name) => ({ name: name.split(ELEMENT)[0]!, before: old.get(name), after: now.get(name) }));
  // Of secrets the values are hidden, so they look the same.
  const seen = new Set(fields.map(({ name }) => root(name)));
  const hasSecret = (name: string) => JSON.stringify(after[name] ?? before[name] ?? "").includes(SECRET);
  const hidden = [...new Set(Object.keys(detailed).map(root))].filter((name) => !seen.has(name) && hasSecret(name));
  return [...fields, ...hidden.map((name) => ({ name, before: SECRET, after: SECRET }))];
}

/** The first part of a dotted name; of the file of a container `uploads`. */
const root = (name: string): string => (name.startsWith("/") ? "uploads" : name.split(/[.[]/)[0]!);

/** Between the name of a list and one of its values, where the values tell them apart. */
const ELEMENT = "\0";

/**
 * Values by dotted names, files of a container by their paths, things of a list by their names, other values of one by
 * themselves: one that is put in the middle would else make all behind it differ. Pulumi's own additions are not there.
 */
function flat(value: unknown, name = ""): Map<string, unknown> {
  const at = (key: string | number) => (name ? `${name}.${key}` : String(key));
  if (Array.isArray(value)) {
    const parts = value.map((one: unknown, index) => {
      if (!isMap(one))
        return one === UNKNOWN || Array.isArray(one)
          ? flat(one, at(index))
          : new Map([[name + ELEMENT + String(one), one]]);
      if (typeof one["file"] === "string") return new Map([[one["file"], one["content"]]]);
      const { name: own } = one;
      return flat(one, at(typeof own === "string" && own !== UNKNOWN && !isId(own) ? own : index));
    });
    return new Map(parts.flatMap((part) => [...part]));
  }
  if (isMap(value))
    return new Map(
      Object.entries(value)
        .filter(([key]) => !key.startsWith("__"))
        .flatMap(([key, one]) => [...flat(one, at(key))]),
    );
  return new Map([[name, value]]);
}

/** Whether the state has something of a resource, which stays as it is, that the program says otherwise. */
function isOld({ oldState = { type: "" }, newState = { type: "" } }: PreviewStep): boolean {
  const keys = [...new Set([...Object.keys(oldState), ...Object.keys(newState)])];
  return keys.some(
    (key) => !MEANINGLESS.includes(key) && !isDeepStrictEqual(settled(oldState[key]), settled(newState[key])),
  );
}

/** Lists of names are sets to Pulumi, and an empty one is none. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) return value.length ? [...(value as unknown[])].sort() : undefined;
  return isMap(value) ? mapValues(value, settled) : value;
}
