// Stand-in for Pulumi's language host for Node.js, which no package registry carries: the process that `pulumi` starts as
// `pulumi-language-nodejs` to run a program. It speaks the engine's protocol with the stubs of @pulumi/pulumi and runs the
// program with @pulumi/pulumi/cmd/run, as the real one does. Not here: attaching a debugger, installing dependencies,
// packing, TypeScript by ts-node, synchronous invokes over pipes.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

/** How @pulumi/pulumi/cmd/run says "failed, and the user has already been told why". */
const EXIT_REPORTED = 32;
const PARENT_CHECK_MS = 2_000;
const MAX_MESSAGE_BYTES = 400 * 1024 * 1024;

const requireFrom = (directory) => createRequire(path.join(directory, "package.json"));

/** `require` as @pulumi/pulumi itself has it: its gRPC library is its own dependency, not necessarily the project's. */
function requireOfSdk(directory) {
  try {
    return createRequire(requireFrom(directory).resolve("@pulumi/pulumi/package.json"));
  } catch (error) {
    console.error(`No @pulumi/pulumi to be found from ${directory}: run "npm ci" in the project. (${error.code})`);
    process.exit(1);
  }
}

const sdk = requireOfSdk(process.cwd());
const grpc = sdk("@grpc/grpc-js");
const { Empty } = sdk("google-protobuf/google/protobuf/empty_pb.js");
const { LanguageRuntimeService } = sdk("./proto/language_grpc_pb.js");
const language = sdk("./proto/language_pb.js");
const { PluginInfo } = sdk("./proto/plugin_pb.js");

// The engine's address comes as the one argument that is no flag; newer engines repeat it in Handshake.
let engine = process.argv.slice(2).find((arg) => !arg.startsWith("-")) ?? "";
const programs = new Set();
const stopPrograms = () => programs.forEach((program) => program.kill("SIGINT"));

/** The command line of @pulumi/pulumi/cmd/run for one run of a program. */
function runArguments(request, directory, nodeArguments) {
  const info = request.getInfo();
  const options = {
    monitor: request.getMonitorAddress(),
    engine,
    organization: request.getOrganization(),
    project: request.getProject(),
    stack: request.getStack(),
    "root-directory": info.getRootDirectory(),
    pwd: directory,
    parallel: request.getParallel(),
  };
  return [
    ...nodeArguments,
    requireFrom(directory).resolve("@pulumi/pulumi/cmd/run"),
    ...Object.entries(options).flatMap(([name, value]) => (value ? [`--${name}`, String(value)] : [])),
    ...(request.getDryrun() ? ["--dry-run"] : []),
    info.getEntryPoint() || ".",
    ...request.getArgsList(),
  ];
}

/** Stack configuration as cmd/run reads it: keys `namespace:config:name`. */
function runConfig(request) {
  const config = {};
  for (const [key, value] of request.getConfigMap().entries()) {
    const [namespace, ...name] = key.split(":");
    config[`${namespace}:config:${name.join(":").replace(/^config:/, "")}`] = value;
  }
  return config;
}

function run(call, callback) {
  const request = call.request;
  const info = request.getInfo();
  const directory = info.getProgramDirectory();
  const { nodeargs = "", typescript } = info.getOptions()?.toJavaScript() ?? {};
  if (typescript !== false) {
    const mend = "set `typescript: false` and `nodeargs: --import tsx` under runtime.options in Pulumi.yaml";
    callback({ code: grpc.status.FAILED_PRECONDITION, message: `the lab's language host has no ts-node: ${mend}` });
    return;
  }
  const program = spawn(process.execPath, runArguments(request, directory, nodeargs.split(/\s+/).filter(Boolean)), {
    cwd: directory,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      PULUMI_CONFIG: JSON.stringify(runConfig(request)),
      PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    },
  });
  programs.add(program);
  call.on("cancelled", () => program.kill("SIGINT"));
  const finish = (error, bail = false) => {
    programs.delete(program);
    const response = new language.RunResponse();
    response.setError(error);
    response.setBail(bail);
    callback(null, response);
  };
  program.on("error", (error) => finish(`cannot run ${process.execPath}: ${error.message}`));
  program.on("exit", (code, signal) => {
    if (code === 0) finish("");
    else if (code === EXIT_REPORTED) finish("", true);
    else finish(`Program exited with ${signal ? `signal ${signal}` : `non-zero exit code: ${code}`}`);
  });
}

const answer = (reply) => (call, callback) => callback(null, reply(call.request));
const methods = {
  run,
  handshake: answer((request) => {
    engine = request.getEngineAddress() || engine;
    return new language.LanguageHandshakeResponse();
  }),
  // None is asked for: plug-ins are provided, and each resource registers with the version that it needs.
  getRequiredPlugins: answer(() => new language.GetRequiredPluginsResponse()),
  getRequiredPackages: answer(() => new language.GetRequiredPackagesResponse()),
  getPluginInfo: answer(() => {
    const response = new PluginInfo();
    response.setVersion(JSON.parse(readFileSync(sdk.resolve("./package.json"), "utf8")).version);
    return response;
  }),
  about: answer(() => {
    const response = new language.AboutResponse();
    response.setExecutable(process.execPath);
    response.setVersion(process.version);
    return response;
  }),
  getProgramDependencies: answer(() => new language.GetProgramDependenciesResponse()),
  runtimeOptionsPrompts: answer(() => new language.RuntimeOptionsResponse()),
  cancel: answer(() => {
    stopPrograms();
    return new Empty();
  }),
};
const unimplemented = (name) => (call, callback) => {
  const error = { code: grpc.status.UNIMPLEMENTED, message: `${name} is not implemented by the lab's language host` };
  if (callback) callback(error);
  else call.emit("error", error);
};

const server = new grpc.Server({ "grpc.max_receive_message_length": MAX_MESSAGE_BYTES });
server.addService(
  LanguageRuntimeService,
  Object.fromEntries(Object.keys(LanguageRuntimeService).map((name) => [name, methods[name] ?? unimplemented(name)])),
);
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine waits for this line and takes every later one for the program's output.
  process.stdout.write(`${port}\n`);
});

function stop() {
  stopPrograms();
  process.exit(0);
}
process.on("SIGINT", stop);
process.on("SIGTERM", stop);
// An engine that was killed says no goodbye; without this the program would go on deploying into the void.
const parent = process.ppid;
setInterval(() => process.ppid === parent || stop(), PARENT_CHECK_MS).unref();
