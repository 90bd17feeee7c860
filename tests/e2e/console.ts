/** One command of a page, and what the page says that it prints. */
export interface Check {
  readonly page: string;
  readonly line: number;
  readonly command: string;
  readonly expected: string;
}

/**
 * The commands in a page's blocks ```console. A line that begins with `$ ` is a command, and goes on with the lines below
 * it that are indented by four blanks; what follows is what it prints.
 */
export function checksOf(page: string, text: string): Check[] {
  const checks: { page: string; line: number; command: string; expected: string[] }[] = [];
  let isInside = false;
  for (const [index, line] of text.split("\n").entries()) {
    const current = checks.at(-1);
    if (line.startsWith("```")) isInside = line === "```console";
    else if (!isInside) continue;
    else if (line.startsWith("$ ")) checks.push({ page, line: index + 1, command: line.slice(2), expected: [] });
    else if (!current) throw new Error(`${page}:${index + 1}: a block console begins with a command, "$ …"`);
    else if (!current.expected.length && line.startsWith("    ")) current.command += `\n${line}`;
    else current.expected.push(line);
  }
  return checks.map((check) => ({ ...check, expected: check.expected.join("\n").trimEnd() }));
}

/** What varies from run to run, as pages write it. */
export const PLACEHOLDERS: Readonly<Record<string, string>> = {
  "<ID>": "[\\w.-]+",
  "<NUMBER>": "\\d+",
  "<SIZE>": "\\d+ [kKMG]i?B",
  "<TIME>": "\\d{4}-\\d\\d-\\d\\d[T ]\\d\\d:\\d\\d(?::\\d\\d)?(?:\\.\\d+)?(?:Z|[+-]\\d\\d:\\d\\d| UTC)?",
  "<ADDRESS>": "[\\d.]+",
  // The rest of a line, or a part of it.
  "…": ".*",
};

const literal = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
const placeholder = new RegExp(`(${Object.keys(PLACEHOLDERS).join("|")})`);

/** Widths follow what varies: runs of blanks and of rules count as one. */
const narrow = (text: string) =>
  text
    .split("\n")
    .map((line) =>
      line
        .replace(/ +/g, " ")
        .replace(/([─-])\1+/g, "$1")
        .trimEnd(),
    )
    .join("\n")
    .trimEnd();

/** Whether a command printed what its page says; a line of nothing but `…` stands for any number of lines. */
export function prints(expected: string, printed: string): boolean {
  const lines = narrow(expected)
    .split("\n")
    .map((line) =>
      line === "…"
        ? "(?:.*\\n)*?"
        : `${line
            .split(placeholder)
            .map((part) => PLACEHOLDERS[part] ?? literal(part))
            .join("")} ?\\n`,
    );
  return new RegExp(`^${lines.join("")}$`).test(`${narrow(printed)}\n`);
}
