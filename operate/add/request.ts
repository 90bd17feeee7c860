import semver from "semver";

/** What is added, as the command line says it. */
export type Wanted =
  /** Without a version it is the newest. */
  | { readonly kind: "npm" | "pypi"; readonly package: string; readonly version: string | undefined }
  | { readonly kind: "image"; readonly image: string }
  | { readonly kind: "url"; readonly url: string };

export interface Request {
  readonly name: string;
  readonly wanted: Wanted;
  /** Of an image or an address; undefined for an address: it is found out. */
  readonly transport: "sse" | "http" | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly description: string | undefined;
  readonly egress: boolean;
  readonly data: boolean;
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  /** Name of the secret that is sent to an image or an address. */
  readonly bearerToken: string | undefined;
}

/** The options as commander reads them. */
export interface AddOptions {
  readonly npm?: string;
  readonly pypi?: string;
  readonly image?: string;
  readonly url?: string;
  readonly transport?: string;
  readonly port?: string;
  readonly path?: string;
  readonly command?: string;
  readonly description?: string;
  readonly egress?: boolean;
  readonly data?: boolean;
  readonly env?: readonly string[];
  readonly secret?: readonly string[];
  readonly bearerToken?: string;
}

/** @throws Error with everything that is wrong with the command line alone; what it says is judged as a server.yaml is. */
export function readRequest(name: string, options: AddOptions): Request {
  const problems: string[] = [];
  const kinds = (["npm", "pypi", "image", "url"] as const).filter((kind) => options[kind] !== undefined);
  const [kind] = kinds;
  if (kinds.length !== 1 || !kind)
    throw new Error("add: say what runs, by exactly one of --npm, --pypi, --image and --url");
  const isPackage = kind === "npm" || kind === "pypi";
  const { transport, port, path, command, bearerToken } = options;
  if (transport !== undefined && transport !== "sse" && transport !== "http")
    problems.push(`--transport ${transport}: sse or http`);
  if (isPackage && transport !== undefined) problems.push("--transport: leave it out, a package is asked over stdio");
  if (kind === "image" && transport === undefined) problems.push("--transport: an image speaks sse or http, say which");
  if (kind === "image" && port === undefined) problems.push("--port: say on which port the image listens");
  if (kind !== "image")
    for (const [option, value] of Object.entries({ port, path }))
      if (value !== undefined) problems.push(`--${option}: leave it out, it is for --image`);
  if (port !== undefined && !/^\d+$/.test(port)) problems.push(`--port ${port}: a number`);
  if (kind === "url" && command !== undefined) problems.push("--command: leave it out, nothing is started");
  const pairs = (option: string, given: readonly string[] = []) =>
    Object.fromEntries(
      given.map((one) => {
        const at = one.indexOf("=");
        if (at < 1) problems.push(`--${option} ${one}: write it as NAME=${option === "env" ? "VALUE" : "SECRET"}`);
        return [one.slice(0, Math.max(at, 0)), one.slice(at + 1)];
      }),
    );
  const [env, secrets] = [pairs("env", options.env), pairs("secret", options.secret)];
  const wanted: Wanted = isPackage
    ? readPackage(kind, options[kind]!, problems)
    : kind === "image"
      ? { kind, image: options.image! }
      : { kind, url: options.url! };
  if (problems.length) throw new Error(`add: nothing was changed\n${problems.map((one) => `  ${one}`).join("\n")}`);
  return {
    ...{ name, wanted, path, env, secrets, bearerToken },
    transport: transport as Request["transport"],
    port: port === undefined ? undefined : Number(port),
    command: command === undefined ? undefined : wordsOf(command),
    description: options.description,
    egress: options.egress ?? false,
    data: options.data ?? false,
  };
}

/** `@scope/name@1.2.3`, `name==1.2.3`, `name@1.2.3`, or without a version. */
function readPackage(kind: "npm" | "pypi", given: string, problems: string[]): Wanted {
  const separator = kind === "pypi" && given.includes("==") ? "==" : "@";
  const at = given.indexOf(separator, 1);
  const [name, version] = at < 0 ? [given, undefined] : [given.slice(0, at), given.slice(at + separator.length)];
  const isExact =
    version === undefined || (kind === "npm" ? semver.valid(version) === version : /^\d[\w.+-]*$/.test(version));
  if (!isExact)
    problems.push(`--${kind} ${given}: one exact version, such as ${name}@1.2.3; left out, it is the newest`);
  return { kind, package: name, version };
}

/** Words as a shell would split them: by blanks, but for what is in quotes. */
export const wordsOf = (command: string): string[] =>
  [...command.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, (_quoted, double?: string, single?: string) => double ?? single ?? ""),
  );
