import path from "node:path";
import type { Problems } from "../problems.ts";
import type { ServerFolder } from "../server-folders.ts";

/** Programs that are given the file that they are to run. */
const INTERPRETERS = ["python3", "python", "node", "sh", "bash"];

/** What of a program's command is a file of its folder has to be there, since the image has nothing else of it. */
export function checkProgram({ file, definition, program }: ServerFolder, problems: Problems): void {
  const source = definition?.source;
  if (source?.kind !== "program" || !program) return;
  if (program.files.length === 0)
    problems.add(
      file,
      "source.program",
      source.language,
      "a package or an image, or put the program's files beside it",
    );
  const inFolder = (word: string) => program.files.find((one) => one.path === path.posix.normalize(word));
  const [first = "", second = ""] = source.command;
  const folder = path.posix.dirname(file);
  const absent = (at: number, word: string) =>
    problems.add(file, `source.command[${at}]`, word, `a file in ${folder}/ that is part of the image`);
  if (INTERPRETERS.includes(first)) {
    // `python3 -m …` and the like name no file.
    if (second !== "" && !second.startsWith("-") && !path.posix.isAbsolute(second) && !inFolder(second))
      absent(1, second);
  } else if (first.includes("/") && !path.posix.isAbsolute(first)) {
    const started = inFolder(first);
    if (!started) absent(0, first);
    else if (!started.executable)
      problems.add(file, "source.command[0]", first, `a file that can be executed: chmod +x ${folder}/${started.path}`);
  } else if (inFolder(first))
    problems.add(file, "source.command[0]", first, `./${first}, or what runs it, such as [python3, ${first}]`);
}
