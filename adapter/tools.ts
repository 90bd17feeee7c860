import { type Tool, toolChanges, type ToolLock } from "../approval/tool-lock.ts";
import { isJson, type Json } from "./messages.ts";

/** Names in the log and in figures: enough to see what it is about, whatever a server lists. */
const MOST_NAMES = 20;
const LONGEST_NAME = 128;
/** Without a tool lock, everything is kept; this is as much as anybody could read. */
const MOST_SHOWN_BYTES = 32 * 2 ** 20;

/** What clients see of a server's tools. */
export interface Catalogue {
  readonly tools: readonly Json[];
  readonly names: ReadonlySet<string>;
  /** How many are listed by the server and not shown. */
  readonly withheld: number;
  /** Some of them by name. */
  readonly withheldNames: readonly string[];
  /** Approved, and not listed by the server. */
  readonly missing: readonly string[];
}

export const NO_TOOLS: Catalogue = { tools: [], names: new Set(), withheld: 0, withheldNames: [], missing: [] };

/** A listing of the server, page by page; of what is not shown it keeps nothing but a few names. */
export class Listing {
  readonly #lock: ToolLock | "everything";
  readonly #shown = new Map<string, Json>();
  /** Without a lock: what is shown to whoever approves it, repeated names as well. */
  readonly #everything: Json[] = [];
  /** Names of the lock that were listed with another text or schema, be it beside the approved one. */
  readonly #spoilt = new Set<string>();
  readonly #withheldNames = new Set<string>();
  #withheld = 0;
  #bytes = 0;

  constructor(lock: ToolLock | "everything") {
    this.#lock = lock;
  }

  /** @throws Error when there is more than anybody could read. */
  add(page: readonly unknown[]): void {
    for (const listed of page) {
      const tool = toolIn(listed);
      if (!tool || !isJson(listed)) this.#withholdOther(listed);
      else if (this.#lock === "everything") this.#keep(listed);
      else if (toolChanges(this.#lock, [tool], () => false).length) {
        this.#withhold(tool.name);
        this.#spoil(tool.name);
      } else {
        // Nothing but what was approved: a title, an annotation or an output schema is text for a model as well.
        const { name, description, inputSchema } = listed;
        this.#shown.set(tool.name, { name, ...(description !== undefined && { description }), inputSchema });
      }
    }
  }

  catalogue(): Catalogue {
    // Which of two tools of one name a call would reach is the server's choice.
    for (const name of this.#spoilt) if (this.#shown.delete(name)) this.#withhold(name);
    const tools = this.#lock === "everything" ? this.#everything : [...this.#shown.values()];
    const names = new Set(tools.map(({ name }) => name as string));
    const locked = this.#lock === "everything" ? [] : Object.keys(this.#lock);
    return {
      tools,
      names,
      withheld: this.#withheld,
      withheldNames: [...this.#withheldNames],
      missing: locked.filter((name) => !names.has(name) && !this.#spoilt.has(name)),
    };
  }

  #keep(tool: Json): void {
    this.#bytes += JSON.stringify(tool).length;
    if (this.#bytes > MOST_SHOWN_BYTES) throw new Error(`its tools have more than ${MOST_SHOWN_BYTES} bytes`);
    this.#everything.push(tool);
  }

  /** What is no tool may have the name of one all the same. */
  #withholdOther(listed: unknown): void {
    this.#withhold("(not a tool)");
    if (isJson(listed) && typeof listed.name === "string") this.#spoil(listed.name);
  }

  #spoil(name: string): void {
    if (this.#lock !== "everything" && Object.hasOwn(this.#lock, name)) this.#spoilt.add(name);
  }

  #withhold(name: string): void {
    this.#withheld += 1;
    if (this.#withheldNames.size < MOST_NAMES) this.#withheldNames.add(name.slice(0, LONGEST_NAME));
  }
}

/** Name, description and schema as the tool lock compares them; undefined for what is no tool. */
function toolIn(listed: unknown): Tool | undefined {
  if (!isJson(listed)) return undefined;
  const { name, description = "", inputSchema } = listed;
  if (typeof name !== "string" || typeof description !== "string" || !isJson(inputSchema)) return undefined;
  // Written and read again: numbers that JavaScript cannot hold are objects here, and were none when the tool was approved.
  return { name, description, inputSchema: JSON.parse(JSON.stringify(inputSchema)) as unknown };
}
