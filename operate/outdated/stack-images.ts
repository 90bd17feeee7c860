import { projectRoot } from "../../lib/project-root.ts";
import { stackPath } from "../../settings/context.ts";
import { Problems } from "../../settings/problems.ts";
import { stackKeys } from "../../settings/schemas/stack-schema.ts";
import { configIn, readStackFile } from "../config/stack-config.ts";
import { readReference } from "./image-tags.ts";
import { type Age, ageOf, type Registries } from "./newest.ts";
import { majorOf, newestTag } from "./versions.ts";

/** An image that a stack's file names, or leaves to its default. */
export interface StackImage {
  /** What runs from it. */
  readonly part: "LiteLLM" | "Postgres" | "Redis" | "backup" | "Prometheus" | "Loki" | "collector" | "Grafana";
  /** Where another one is written. */
  readonly setting: string;
  readonly image: string;
}

export interface ImageAge extends Omit<Age, "server">, Pick<StackImage, "part" | "setting"> {
  /** Of Postgres: the newest of a later major version. */
  readonly laterMajor: string | undefined;
}

/**
 * The images of a stack that are no MCP server's: those of its settings. Node, Python and what else servers and the ingress are
 * built on come with the program.
 *
 * @throws SettingsError
 */
export function imagesOfStack(stack: string, folder = projectRoot): StackImage[] {
  const { file, text } = readStackFile(stack, folder);
  const config = configIn(text);
  const problems = new Problems();
  const at = (key: string) => [config[stackPath(key)], file, stackPath(key)] as const;
  const { gateway, postgres, redis, backup, monitoring } = problems.complete({
    gateway: problems.parse(stackKeys.gateway, ...at("gateway")),
    postgres: problems.parse(stackKeys.postgres, ...at("postgres")),
    // Undefined is no problem for these three.
    redis: [problems.parse(stackKeys.redis, ...at("redis"))],
    backup: [problems.parse(stackKeys.backup, ...at("backup"))],
    monitoring: [problems.parse(stackKeys.monitoring, ...at("monitoring"))],
  });
  return [
    { part: "LiteLLM" as const, image: gateway.image },
    ...(postgres.kind === "dedicated" ? [{ part: "Postgres" as const, image: postgres.image }] : []),
    ...redis.flatMap((one) => (one ? [{ part: "Redis" as const, image: one.image }] : [])),
    // Otherwise it is the one of Postgres.
    ...backup.flatMap((one) => (one?.image === undefined ? [] : [{ part: "backup" as const, image: one.image }])),
    ...monitoring.flatMap((one) => (one ? [{ part: "Prometheus" as const, image: one.image }] : [])),
    ...monitoring.flatMap((one) =>
      one?.logs.enabled
        ? [
            ...(one.logs.loki ? [] : [{ part: "Loki" as const, image: one.logs.image }]),
            { part: "collector" as const, image: one.logs.collectorImage },
          ]
        : [],
    ),
    ...monitoring.flatMap((one) => (one?.grafana ? [{ part: "Grafana" as const, image: one.grafana.image }] : [])),
  ].map((one) => ({ ...one, setting: SETTINGS[one.part] }));
}

const SETTINGS: Readonly<Record<StackImage["part"], string>> = {
  LiteLLM: stackPath("gateway", "image"),
  Postgres: stackPath("postgres", "image"),
  Redis: stackPath("redis", "image"),
  backup: stackPath("backup", "image"),
  Prometheus: stackPath("monitoring", "image"),
  Loki: stackPath("monitoring", "logs", "image"),
  collector: stackPath("monitoring", "logs", "collectorImage"),
  Grafana: stackPath("monitoring", "grafana", "image"),
};

/** How old an image of a stack is. */
export async function ageOfImage(
  { part, setting, image }: StackImage,
  registries?: Pick<Registries, "tags">,
): Promise<ImageAge> {
  let laterMajor: string | undefined;
  // A volume of Postgres is read by the major version alone that has written it.
  const ofSameMajor = (tags: readonly string[]) => {
    const { tag = "" } = readReference(image);
    const newest = newestTag(tag, tags);
    if (newest !== undefined && majorOf(newest) !== majorOf(tag)) laterMajor = newest;
    return tags.filter((one) => majorOf(one) === majorOf(tag));
  };
  const of = part === "Postgres" ? ofSameMajor : undefined;
  const age = await ageOf(part, { kind: "image", image, command: [] }, registries, of);
  const { registry, name, version, newest, isOutdated, problem } = age;
  return { part, setting, registry, name, version, newest, isOutdated, problem, laterMajor };
}
