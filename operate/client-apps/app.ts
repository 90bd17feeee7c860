/** What a client needs to use the gateway. */
export interface Access {
  /** Name of the client in the stack's settings. */
  readonly client: string;
  /** MCP address with the slash at its end, such as `http://linuxserver.lan:4000/mcp/`. */
  readonly gateway: string;
  /** Address of the models' API, such as `http://linuxserver.lan:4000/v1`. */
  readonly models: string;
  /** The client's own key, `sk-…`. */
  readonly key: string;
}

/** The current user, as far as it decides where an app looks for its settings. */
export interface User {
  readonly home: string;
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One step of a path: a key of a map, or the member of a list that has this `id`. */
export type PathItem = string | { readonly id: string };

/** One value of ours in a settings file; all else in the file belongs to others. */
export interface Entry {
  readonly path: readonly PathItem[];
  readonly value: unknown;
}

/** One variable of ours in a file of variables. */
export type Variable =
  | { readonly name: string; readonly value: string }
  /** A value that only has to be there: one that the file has stays, because a new one would end what rests on it. */
  | { readonly name: string; readonly make: () => string };

export type Content =
  | { readonly format: "json" | "toml"; readonly entries: readonly Entry[] }
  /** Lines `NAME=value`, as `docker run --env-file` reads them: everything after the first `=` is the value. */
  | { readonly format: "env"; readonly variables: readonly Variable[] }
  /** A file that is ours as a whole. */
  | { readonly format: "text"; readonly text: string };

export interface ClientFile {
  /** Below the app's own folder. */
  readonly name: string;
  readonly content: Content;
  /** Where the app reads it for a user; without it the file is not installed, only written into a folder. */
  readonly installedAt?: (user: User) => string;
}

/** Where the files went: into a folder (its path), or to the places the app reads. */
export type Place = { readonly kind: "folder"; readonly folder: string } | { readonly kind: "installed" };

/** An app that can use the gateway. */
export interface App {
  readonly name: string;
  readonly title: string;
  readonly files: (access: Access) => ClientFile[];
  /** What the user does next, a line each; never a key. */
  readonly next: (place: Place, access: Pick<Access, "client" | "gateway">) => string[];
}

/** Our name in every app's settings; tools are called `mcp__litellm__<server>-<tool>` or similarly. */
export const ENTRY = "litellm";

export const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

/** One argument for a POSIX shell. */
export const quoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
