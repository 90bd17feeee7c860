import { Option } from "commander";
import { prepareDocker } from "../bootstrap/prepare.ts";
import { connectDocker } from "../components/docker/docker-connection.ts";
import { isSsh } from "../components/docker/ssh-connection.ts";
import { projectRoot } from "../lib/project-root.ts";
import { addServer } from "./add/add-server.ts";
import { type AddOptions, readRequest } from "./add/request.ts";
import { command, main, stackOption, withGrants } from "./command.ts";
import { interruptible } from "./interruption.ts";
import { secretsOfStack } from "./listing/ask-servers.ts";
import { baseImages } from "./listing/image.ts";
import { askOnTerminal, grantedBy, onTerminal } from "./listing/offers.ts";
import { readStackOfServers } from "./listing/stack-servers.ts";
import { removeLeftOvers } from "./listing/throw-away.ts";
import { copyExample } from "./stack-file.ts";

interface Options extends AddOptions {
  readonly stack: string;
  readonly yes?: true;
  readonly approve?: true;
  readonly acceptSuspicious?: true;
  readonly keep?: true;
}

async function add(name: string, options: Options): Promise<void> {
  const request = readRequest(name, options);
  await copyExample(options.stack);
  const stack = readStackOfServers(options.stack);
  const { yes = false } = options;
  const say = (line: string) => console.error(line);
  const { wanted } = request;
  await interruptible(async (signal) => {
    const docker = connectDocker(stack.endpoint);
    await addServer(request, {
      ...{ root: projectRoot, stack, docker, keep: options.keep ?? false },
      prepare: async () => {
        const images = [...baseImages(), ...(wanted.kind === "image" ? [wanted.image] : [])];
        if (!isSsh(stack.endpoint)) await prepareDocker(yes, images);
        await removeLeftOvers(docker);
      },
      alone: { ...stack, say, signal },
      listing: {
        ...{ stack: stack.name, granted: grantedBy({ ...options }), ask: askOnTerminal },
        secretsOf: (names) => secretsOfStack(stack.name, names, yes),
      },
      approve: options.approve ?? false,
      acceptSuspicious: options.acceptSuspicious ?? false,
      ask: onTerminal() ? askOnTerminal : undefined,
      show: (text) => console.log(text),
    });
  });
}

const several = (value: string, before: readonly string[] = []) => [...before, value];

await main(
  import.meta.filename,
  withGrants(
    command(
      "add",
      "Adds an MCP server: mcp/NAME with its server.yaml, its package lock, and its tools, which you approve. They are listed in a container that is thrown away, without network and secrets.",
    )
      .argument("<name>", "of the folder, and of the server for clients")
      .option("--npm <package>", "package on npm, as NAME@VERSION; without a version the newest")
      .option("--pypi <package>", "package on PyPI, as NAME==VERSION; without a version the newest")
      .option("--image <reference>", "image that speaks sse or http by itself")
      .option("--url <address>", "address of a server that runs already")
      .addOption(
        new Option("--transport <kind>", "of an image or an address, for which it is found out if left out").choices([
          "sse",
          "http",
        ]),
      )
      .option("--port <number>", "of an image: where it listens")
      .option("--path <path>", "of an image: its endpoint; left out /sse or /mcp")
      .option("--command <words>", "what starts the server, with its arguments; left out, the package's own program")
      .option("--description <text>", "left out, the package's own")
      .option("--egress", "it may reach the LAN and the internet")
      .option("--data", "it gets a volume at /data")
      .option("--env <variable=value>", "a variable; can be repeated", several)
      .option("--secret <variable=secret>", "a variable whose value is a secret of the stack; can be repeated", several)
      .option("--bearer-token <secret>", "of an image or an address that asks for one: a secret of the stack")
      .option("--approve", "approve its tools without a question, unless they are suspicious")
      .option("--accept-suspicious", "approve what is marked as suspicious as well")
      .option("--keep", "keep the folder, without a tool lock, when its tools are not approved or cannot be listed")
      .option("--yes", "install missing system packages without asking; grants the server nothing")
      .addOption(stackOption("stack on whose Docker daemon it is tried")),
  ).action(add),
);
