import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import GithubSlugger from "github-slugger";
import { projectRoot } from "../../lib/project-root.ts";

const textOf = (file: string) => readFileSync(path.join(projectRoot, file), "utf8");
const pagesIn = (folder: string) =>
  readdirSync(path.join(projectRoot, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => path.join(folder, name));

const pages = [".", "docs", "examples", "ingress", "lab"].flatMap(pagesIn);

/** A page without what is quoted in it: a shell's comment is no heading, and an example of a link leads nowhere. */
const prose = (page: string) => textOf(page).replace(/^( *)```.*?^\1```$/gms, "");

/** Anchors of a page's headings, as GitHub makes them. */
function anchorsOf(page: string): string[] {
  const slugger = new GithubSlugger();
  return [...prose(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, title]) =>
    slugger.slug(title!.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1")),
  );
}

/** Targets of a page's links that are files of this project: `[file relative to the project, anchor]`. */
const linksOf = (page: string): [string, string][] =>
  [...prose(page).matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)].map(([, file, anchor = ""]) => [
    file ? path.join(path.dirname(page), file) : page,
    anchor,
  ]);

test("links between the pages lead to a file, and to a heading that it has", () => {
  const links = pages.flatMap((page) => linksOf(page).map(([file, anchor]) => ({ page, file, anchor })));
  assert.ok(links.length > 40, `the search found only ${links.length} links`);
  const broken = links.filter(
    ({ file, anchor }) =>
      !existsSync(path.join(projectRoot, file)) || (anchor !== "" && !anchorsOf(file).includes(anchor)),
  );
  assert.deepEqual(broken, []);
});

test("every npm script that the pages name exists", () => {
  const { scripts } = JSON.parse(textOf("package.json")) as { scripts: Record<string, string> };
  const named = pages.flatMap((page) =>
    // `npm run -s x` and `npm run --silent x` name x as well.
    [...textOf(page).matchAll(/\bnpm run (?:-\S+ )*([a-z][\w:-]*)/g)].map(([, script]) => ({ page, script: script! })),
  );
  assert.ok(named.length > 20, `the search found only ${named.length} commands`);
  assert.deepEqual(
    named.filter(({ script }) => !Object.hasOwn(scripts, script)),
    [],
  );
});

test("every file of this project that the pages name in backticks exists", () => {
  const rooms = readdirSync(projectRoot, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$)/.test(entry.name))
    .map(({ name }) => name);
  const named = pages
    // What a former version had is in the changelog.
    .filter((page) => page !== "CHANGELOG.md")
    .flatMap((page) => [...prose(page).matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(([, file]) => ({ page, file: file! })))
    .filter(({ file }) => rooms.includes(file.split("/")[0]!))
    // Examples of servers, which whoever follows them writes.
    .filter(({ file }) => !/^mcp\/(calculator|dice|timescale)\//.test(file));
  assert.ok(named.length > 40, `the search found only ${named.length} files`);
  assert.deepEqual(
    named.filter(({ file }) => !existsSync(path.join(projectRoot, file))),
    [],
  );
});

test("every message of this program that the page on failures quotes is one that it prints", () => {
  const program = ["approval", "check", "components", "guards", "ingress", "operate", "settings"]
    .flatMap((room) =>
      readdirSync(path.join(projectRoot, room), { recursive: true, encoding: "utf8" }).map((file) =>
        path.join(room, file),
      ),
    )
    .filter((file) => /\.(ts|py)$/.test(file) && !file.endsWith(".test.ts"))
    .map(textOf)
    .join("\n");
  const quoted = [...textOf("docs/troubleshooting.md").matchAll(/^\| (.*?) \| /gm)].flatMap(([, seen]) =>
    [...seen!.matchAll(/`([^`]+)`/g)].flatMap(([, text]) => text!.split("…").map((part) => part.trim())),
  );
  assert.ok(quoted.length > 20, `the search found only ${quoted.length} texts`);
  assert.deepEqual(
    quoted.filter((text) => !program.includes(text)),
    [],
  );
});

test("each step of a setting's journey is in the file that the page on the architecture names", () => {
  const steps = [...textOf("docs/architecture.md").matchAll(/^\| \d+ \| `(\S+)` \| (.*?) \|/gm)].flatMap(
    ([, file, names]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => ({ file: file!, name: name! })),
  );
  assert.ok(steps.length > 10, `the search found only ${steps.length} steps`);
  assert.deepEqual(
    steps.filter(({ file, name }) => !textOf(file).includes(name)),
    [],
  );
});
