import path from "node:path";
import { xdg } from "../pulumi-environment.ts";

/** Where backups are, unless somebody says otherwise: beside the state. */
export const backupsFolder = (stack: string) => path.join(xdg("XDG_DATA_HOME", ".local/share"), "backups", stack);
