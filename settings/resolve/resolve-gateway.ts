import semver from "semver";
import { mapValues } from "../../lib/map-values.ts";
import { repeatedValues } from "../../lib/repeated-values.ts";
import {
  callbackAdvice,
  NEWEST_VERSION,
  OLDEST_VERSION,
  type Section,
  settingAdvice,
  versionOfTag,
} from "../litellm-versions.ts";
import { type Context, setSecret, stackPath } from "../context.ts";
import { parseImage } from "../schemas/fields.ts";
import type { ModelSettings } from "../settings.ts";
import type { StackConfig } from "../schemas/stack-schema.ts";

/** Port of the host's loopback where LiteLLM itself listens. */
export const adminPort = ({ adminPort, port }: StackConfig["gateway"]) => adminPort ?? port + 1;

/** LiteLLM's version, from the image's tag or else from `gateway.version`. */
export function gatewayVersion(
  { image, version }: StackConfig["gateway"],
  { stackFile, problems, warnings }: Context,
): string | undefined {
  const { tag } = parseImage(image);
  const tagged = tag === undefined ? undefined : versionOfTag(tag);
  const at = stackPath("gateway", "version");
  if (tagged && version && tagged !== version) {
    problems.add(stackFile, at, version, `leave it out: the image's tag says ${tagged}`);
    return undefined;
  }
  const known = tagged ?? version;
  if (!known) {
    problems.add(stackFile, at, undefined, `LiteLLM's version, such as "1.77.3": the image ${image} does not say it`);
    return undefined;
  }
  if (semver.lt(known, OLDEST_VERSION)) {
    problems.add(
      stackFile,
      tagged ? stackPath("gateway", "image") : at,
      tagged ? image : version,
      `LiteLLM ${OLDEST_VERSION} or newer`,
    );
    return undefined;
  }
  if (semver.gt(known, NEWEST_VERSION)) {
    warnings.push(
      `LiteLLM ${known} is newer than ${NEWEST_VERSION}, the last version whose settings this program knows: a setting that does nothing ` +
        "may pass.",
    );
  }
  return known;
}

const SECTIONS = ["generalSettings", "litellmSettings"] as const satisfies readonly Section[];

/** Refuses LiteLLM settings that this version does not read, or that stop it from starting. */
export function checkGatewaySettings(gateway: StackConfig["gateway"], version: string, context: Context): void {
  const { stackFile, problems, warnings } = context;
  const { generalSettings, litellmSettings, debug } = gateway;
  if (debug)
    warnings.push(
      "With gateway.debug LiteLLM's log has what clients, tools and models say, in plain text; keys, passwords and tokens are " +
        "masked. It grows fast, and the oldest goes first. Turn it off when you have seen what you looked for.",
    );
  for (const section of SECTIONS) {
    for (const [key, value] of Object.entries(gateway[section])) {
      const advice = settingAdvice(section, key, version);
      if (advice) problems.add(stackFile, stackPath("gateway", section, key), value, advice);
      else checkVariables(value, ["gateway", section, key], "a plain value", context);
    }
  }
  if ("max_budget" in litellmSettings && !("budget_duration" in litellmSettings)) {
    const path = stackPath("gateway", "litellmSettings", "budget_duration");
    problems.add(stackFile, path, undefined, "a duration such as 30d: with max_budget alone LiteLLM does not start");
  }
  for (const key of ["success_callback", "failure_callback", "service_callback"]) {
    const callbacks: unknown = litellmSettings[key];
    if (!Array.isArray(callbacks)) continue;
    for (const [index, callback] of callbacks.entries()) {
      const advice = callbackAdvice(String(callback));
      if (advice) problems.add(stackFile, stackPath("gateway", "litellmSettings", key, index), callback, advice);
    }
  }
  if (generalSettings["store_model_in_db"] === true) {
    warnings.push("With store_model_in_db, what LiteLLM's own pages save in the database wins over these settings.");
  }
}

/**
 * LiteLLM takes `${NAME}` literally, and `os.environ/NAME` is empty for a variable that the container does not have.
 */
function checkVariables(value: unknown, path: readonly PropertyKey[], write: string, context: Context): void {
  if (typeof value === "string" && /^os\.environ\/|\$\{/.test(value)) {
    context.problems.add(
      context.stackFile,
      stackPath(...path),
      value,
      `${write}: the container has no variables of yours`,
    );
  } else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      checkVariables(inner, [...path, Array.isArray(value) ? Number(key) : key], write, context);
    }
  }
}

/**
 * The variable of the LiteLLM container that holds a stack secret. The prefix keeps it apart from LiteLLM's own
 * variables.
 */
export const secretVariable = (secret: string) => `SECRET_${secret}`;

/** Models as LiteLLM takes them; notes the secrets they need. */
export function resolveModels(models: StackConfig["models"], context: Context): ModelSettings[] {
  const { stackFile, problems, usedSecrets } = context;
  // LiteLLM makes one deployment of entries that are the same, and another machine was meant.
  for (const [index] of repeatedValues(models.map((model) => JSON.stringify(model)))) {
    const write = "params or secrets that its other entries do not have: this one is the same as one before";
    problems.add(stackFile, stackPath("models", index), models[index]?.name, write);
  }
  return models.map(({ name, params, secrets }, index) => {
    for (const [param, value] of Object.entries(params)) {
      const path = ["models", index, "params", param];
      if (Object.hasOwn(secrets, param))
        problems.add(stackFile, stackPath(...path), value, `${param} in params or in secrets, not in both`);
      else if (
        /(_key|_token|password|secret)$/.test(param) &&
        typeof value === "string" &&
        value !== "none" &&
        !isVariable(value)
      ) {
        const write = `secrets: { ${param}: NAME } beside params, and ${setSecret("NAME")}; none where no key is needed`;
        problems.add(stackFile, stackPath(...path), Symbol("a secret in plain text"), write);
      } else checkVariables(value, path, `secrets: { ${param}: NAME } beside params, or a plain value`, context);
    }
    for (const secret of Object.values(secrets)) usedSecrets.add(secret);
    return { name, params, paramsFromEnv: mapValues(secrets, secretVariable) };
  });
}

const isVariable = (value: string) => value.startsWith("os.environ/") || value.includes("${");
