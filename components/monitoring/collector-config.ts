import { stringify } from "yaml";

/** Where the collector has what it reads, and what it remembers. */
export const LOGS_FOLDER = "/logs";
export const CALLS_FOLDER = "/calls";
export const OFFSETS_FOLDER = "/offsets";
/** In its container alone. */
const HEALTH_ADDRESS = "127.0.0.1:13133";
export const HEALTH_URL = `http://${HEALTH_ADDRESS}/`;
/** Its name and port on the network of a Loki of the stack's own, where Prometheus asks whether it is there. */
export const COLLECTOR_ADDRESS = { host: "log-collector", port: 8888 } as const;

/** Of the container, with what Loki asks for. */
export const HEADER_VARIABLE = "LOKI_HEADER";
/** What a Loki takes for a label that nobody has told which are. */
export const STACK_ATTRIBUTE = "service.namespace";
/** The same, as Loki writes it. */
export const STACK_LABEL = "service_namespace";

/** A container of the stack, whose log is read. */
export interface Logged {
  /** On the daemon; also the name of its folder below `LOGS_FOLDER`. */
  readonly name: string;
  readonly id: string;
}

/** Docker's file and those that it has put aside, which begin with the same name. Nothing else of the folder is named. */
export const logFiles = ({ name, id }: Logged): string => `${LOGS_FOLDER}/${name}/${id}-json.log*`;

/** A line, from its beginning to its end, until it has arrived: Loki may be away for as long as the files last. */
const READING = {
  start_at: "beginning",
  poll_interval: "1s",
  // A line that is being written has no end yet.
  force_flush_period: "0s",
  include_file_name: false,
  storage: "file_storage",
  retry_on_failure: { enabled: true, max_elapsed_time: "0s" },
};

const path = 'attributes["log.file.path"]';

/** Lines of containers, as Docker's `json-file` writes them: their text, time, and the name of the container. */
const LOG_OPERATORS = [
  {
    type: "json_parser",
    parse_to: "attributes.docker",
    timestamp: {
      ...{ parse_from: "attributes.docker.time", layout_type: "gotime", layout: "2006-01-02T15:04:05.999999999Z07:00" },
    },
    on_error: "drop_quiet",
  },
  { type: "add", field: "body", value: String.raw`EXPR(trimSuffix(attributes.docker.log, "\n"))` },
  { type: "move", from: "attributes.docker.stream", to: "attributes.stream" },
  { type: "remove", field: "attributes.docker" },
  {
    type: "regex_parser",
    ...{ parse_from: path, parse_to: "resource", regex: `^${LOGS_FOLDER}/(?P<container>[^/]+)/` },
  },
  { type: "remove", field: path },
  { type: "add", field: "resource.job", value: "logs" },
];

const CALL = "attributes.call";
/**
 * What came of a call. The line before it is on disk before the call goes out, and has the arguments. What was counted beyond a
 * limit is one line for many; requests among it were no call of a tool.
 */
const OUTCOME =
  `${CALL}.audit == "call" ? "begun" : ${CALL}.audit == "outcome" ? ${CALL}.outcome : ` +
  `${CALL}.audit == "refused" || ${CALL}.reason == "tool call" ? "refused" : "request refused"`;
const moved = (key: string, to: string) => ({
  type: "move",
  from: `${CALL}.${key}`,
  to,
  if: `${CALL}.${key} != nil and ${CALL}.${key} != ""`,
});

/** Lines of the record of calls, as they are. A tool is none of the labels: a client may name any. */
const CALL_OPERATORS = [
  {
    type: "json_parser",
    parse_to: CALL,
    timestamp: { parse_from: `${CALL}.time`, layout_type: "gotime", layout: "2006-01-02T15:04:05.999Z07:00" },
    // Half a line, which something has broken off.
    on_error: "drop_quiet",
  },
  { type: "add", field: "resource.job", value: "calls" },
  { type: "add", field: "resource.outcome", value: `EXPR(${OUTCOME})` },
  { type: "add", field: "attributes.count", value: `EXPR(${CALL}.count ?? 1)` },
  moved("client", "resource.client"),
  moved("server", "resource.server"),
  moved("tool", "attributes.tool"),
  moved("milliseconds", "attributes.milliseconds"),
  { type: "remove", field: CALL },
];

const SERVICE = 'resource["service.name"]';
/** In a Loki that has lines of others as well, and may know none of `LABELS`: whose they are, and of what. */
const ofStack = (stack: string | undefined, service: object) =>
  stack === undefined ? [] : [{ type: "add", field: `resource["${STACK_ATTRIBUTE}"]`, value: stack }, service];

/** What the healthcheck reads when all is well: a configuration that the program takes for a good one. */
const WELL = {
  receivers: { file_log: { include: ["/none"] } },
  exporters: { otlp_http: { endpoint: "http://localhost" } },
  service: { pipelines: { logs: { receivers: ["file_log"], exporters: ["otlp_http"] } } },
};

/** By its name on that network, so that it listens on no other. */
const FIGURES = { level: "basic", readers: [{ pull: { exporter: { prometheus: COLLECTOR_ADDRESS } } }] };

export interface CollectorTarget {
  readonly url: string;
  /** Where others may write to the same Loki. */
  readonly stack: string | undefined;
  /** Name of the header that it asks for. */
  readonly header: string | undefined;
  readonly memoryMiB: number;
}

/** The collector's configuration. No secret is in it. */
export const renderCollectorConfig = (
  containers: readonly Logged[],
  { url, stack, header, memoryMiB }: CollectorTarget,
): string =>
  stringify(
    {
      extensions: {
        file_storage: { directory: OFFSETS_FOLDER },
        health_check: { endpoint: HEALTH_ADDRESS, response_body: { healthy: JSON.stringify(WELL) } },
      },
      receivers: {
        "file_log/logs": {
          include: containers.map(logFiles),
          include_file_path: true,
          ...READING,
          operators: [...LOG_OPERATORS, ...ofStack(stack, { type: "copy", from: "resource.container", to: SERVICE })],
        },
        "file_log/calls": {
          include: [`${CALLS_FOLDER}/*.jsonl`],
          ...READING,
          operators: [...CALL_OPERATORS, ...ofStack(stack, { type: "add", field: SERVICE, value: "calls" })],
        },
      },
      processors: {
        memory_limiter: { check_interval: "1s", limit_mib: Math.floor(memoryMiB * 0.75), spike_limit_mib: 32 },
      },
      exporters: {
        otlp_http: {
          endpoint: `${url}/otlp`,
          ...(header !== undefined && { headers: { [header]: `\${env:${HEADER_VARIABLE}}` } }),
          retry_on_failure: { enabled: true, max_elapsed_time: "0s" },
          // Lines that wait are in their files, and not in memory.
          sending_queue: { enabled: false },
        },
      },
      service: {
        extensions: ["file_storage", "health_check"],
        telemetry: { logs: { level: "warn" }, metrics: stack === undefined ? FIGURES : { level: "none" } },
        pipelines: {
          logs: {
            receivers: ["file_log/logs", "file_log/calls"],
            processors: ["memory_limiter"],
            exporters: ["otlp_http"],
          },
        },
      },
    },
    { lineWidth: 0 },
  );
