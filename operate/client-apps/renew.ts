import { readFile } from "node:fs/promises";
import path from "node:path";
import { xdg } from "../pulumi-environment.ts";
import type { Access, App, Place, User } from "./app.ts";
import { apps } from "./apps.ts";
import { type Wanted, writeAll, type Written } from "./write.ts";

/** Where `npm run clients` writes when no place is given; a directory for each client, and in it one for each app. */
export const clientsFolder = (stack: string): string => path.join(xdg("XDG_CONFIG_HOME", ".config"), "clients", stack);

/** The files of an app for one client; none where it has no file of the user's to install into. */
export const filesOf = (app: App, place: Place, access: Access, user: User): Wanted[] =>
  app.files(access).flatMap(({ name, content, installedAt }) => {
    if (place.kind === "folder") return [{ file: path.join(place.folder, name), content }];
    return installedAt ? [{ file: installedAt(user), content }] : [];
  });

/** A client whose key is another now. */
export interface Renewed {
  readonly access: Access;
  readonly oldKey: string;
}

/**
 * Writes those files of this user anew that have a client's old key: where apps look for them, and where `npm run clients`
 * writes when no place is given. Nobody knows of others.
 *
 * @param folder `clientsFolder` of the stack.
 */
export async function renewFiles(clients: readonly Renewed[], folder: string, user: User): Promise<Written[]> {
  const wanted = clients.flatMap(({ access, oldKey }) =>
    apps.flatMap((app) => {
      const places: Place[] = [
        { kind: "installed" },
        { kind: "folder", folder: path.join(folder, access.client, app.name) },
      ];
      return places.flatMap((place) => filesOf(app, place, access, user)).map((file) => ({ ...file, oldKey }));
    }),
  );
  const stale = await Promise.all(wanted.map(async (one) => ((await holds(one.file, one.oldKey)) ? [one] : [])));
  return writeAll(stale.flat());
}

async function holds(file: string, key: string): Promise<boolean> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.includes(key);
}
