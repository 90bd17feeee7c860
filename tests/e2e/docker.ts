import { text } from "node:stream/consumers";
import Docker from "dockerode";
import { execa } from "execa";
import { extract } from "tar-stream";
import { askAdapter } from "../../components/gateway/check/adapters.ts";

export const docker = new Docker();

/** Containers, networks and volumes whose name starts with `prefix`. */
export async function leftovers(prefix: string): Promise<string[]> {
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true }),
    docker.listNetworks(),
    docker.listVolumes(),
  ]);
  return [
    ...containers.flatMap(({ Names }) => Names.map((name) => name.slice(1))),
    ...networks.map(({ Name }) => Name),
    ...volumes.map(({ Name }) => Name),
  ].filter((name) => name.startsWith(prefix));
}

/** Removes what a killed run left behind; a run that ends by itself leaves nothing. */
export async function removeLeftovers(prefix: string): Promise<void> {
  const left = new Set(await leftovers(prefix));
  for (const { Id, Names } of await docker.listContainers({ all: true }))
    if (Names.some((name) => left.has(name.slice(1)))) await docker.getContainer(Id).remove({ force: true, v: true });
  for (const { Id, Name } of await docker.listNetworks()) if (left.has(Name)) await docker.getNetwork(Id).remove();
  for (const { Name } of (await docker.listVolumes()).Volumes)
    if (left.has(Name)) await docker.getVolume(Name).remove();
}

/** Container ids by name, without the prefix. */
export async function containerIds(prefix: string): Promise<Record<string, string>> {
  const containers = await docker.listContainers();
  return Object.fromEntries(
    containers.flatMap(({ Id, Names }) =>
      Names.filter((name) => name.startsWith(`/${prefix}`)).map((name) => [name.slice(1 + prefix.length), Id]),
    ),
  );
}

/** Everything a container has logged. */
export async function logsOf(name: string): Promise<string> {
  return String(await docker.getContainer(name).logs({ stdout: true, stderr: true, follow: false }));
}

/** How many calls of tools have reached an MCP server's adapter since it was started, answered or refused. */
export async function callsHeard(container: string): Promise<number> {
  return (await askAdapter(docker, container, "/metrics"))
    .split("\n")
    .filter((line) => /^mcp_server_operation_duration_seconds_count\{.*mcp_method_name="tools\/call"/.test(line))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

/** What the ingress records of one tool call: its line before and its outcome in one, or a refused call. */
export interface AuditLine {
  readonly client: string;
  readonly address: string;
  readonly server: string;
  readonly tool: string;
  readonly arguments: unknown;
  readonly route: string;
  /** "running": the call has no second line. */
  readonly outcome: "answered" | "failed" | "lost" | "refused" | "running";
  readonly reason?: string;
  readonly milliseconds?: number;
  readonly result?: unknown;
}

/** The audit files of an ingress's container, one after the other in the order of their names: calls, then refusals. */
export async function auditFiles(container: string): Promise<string> {
  const archive = await docker.getContainer(container).getArchive({ path: "/var/lib/ingress-audit" });
  const files: { name: string; content: string }[] = [];
  for await (const entry of archive.pipe(extract()))
    files.push({ name: entry.header.name, content: await text(entry) });
  return files
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ content }) => content)
    .join("");
}

/** Its lines as they are written. */
export async function rawAuditLines(container: string): Promise<Record<string, unknown>[]> {
  // The last line of a file may be half written.
  return (await auditFiles(container))
    .split("\n")
    .filter((line) => line.endsWith("}"))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** One entry for each tool call. */
export async function auditLines(container: string): Promise<AuditLine[]> {
  const lines = await rawAuditLines(container);
  const outcomes = new Map(lines.filter(({ audit }) => audit === "outcome").map((line) => [line["id"], line]));
  return lines
    .filter(({ audit }) => audit === "call" || audit === "refused")
    .map(
      (line) =>
        ({
          outcome: line["audit"] === "refused" ? "refused" : "running",
          ...line,
          ...outcomes.get(line["id"]),
        }) as unknown as AuditLine,
    );
}

/** An address of this machine that containers reach as well, as they would reach the host's LAN address. */
export async function bridgeAddress(): Promise<string> {
  const { stdout } = await execa("ip", ["-json", "-4", "address", "show", "docker0"]);
  const [bridge] = JSON.parse(stdout) as { addr_info: { local: string }[] }[];
  return bridge!.addr_info[0]!.local;
}

/** When the container's process was started last. */
export const startedAt = async (name: string): Promise<number> =>
  Date.parse((await docker.getContainer(name).inspect()).State.StartedAt);

/** Runs Python in a container that has it. */
export async function python(container: string, program: string): Promise<void> {
  const exec = await docker
    .getContainer(container)
    .exec({ Cmd: ["python3", "-c", program], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  await new Promise((resolve) => stream.on("end", resolve).resume());
  const { ExitCode } = await exec.inspect();
  if (ExitCode !== 0) throw new Error(`python3 in ${container} ended with exit code ${ExitCode}`);
}
