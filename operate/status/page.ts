import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { escaped } from "./escaped.ts";
import { drawing } from "./picture.ts";
import { minute, sectionsOf } from "./show.ts";
import type { Status } from "./status.ts";

/**
 * One page that needs nothing else, no internet and no script: the picture of the stack, what is wrong, and the tables. It has names
 * of keys and no keys.
 */
export async function showPage(status: Status, problems: readonly string[], now: Date): Promise<string> {
  const graphviz = await Graphviz.load();
  const svg = graphviz
    .dot(drawing(status))
    .replace(/^[^]*?<svg/, '<svg role="img" aria-label="The stack\'s containers and networks"');
  const { stack, gateway } = status;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(`${stack}: ${problems.length ? `${problems.length} ${problems.length === 1 ? "problem" : "problems"}` : "as it should be"}`)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(stack)}</h1>
<p>The gateway at <strong>${escaped(gateway.url)}</strong>, looked at ${minute(now.toISOString())}.</p>
</header>
${verdict(problems)}
<figure>
${svg}
<figcaption>Containers on one network reach each other. A network with a way out leads to the LAN and the internet. Colours: green is as it should be, yellow holds something back or is starting, red is wrong, grey is not the stack's.</figcaption>
</figure>
${sectionsOf(status)
  .filter(({ rows }) => rows.length)
  .map(({ title, head, rows }) => table(title, head, rows))
  .join("\n")}
</body>
</html>
`;
}

const verdict = (problems: readonly string[]): string =>
  problems.length
    ? `<section class="bad"><h2>What is not as it should be</h2><ul>${problems.map((one) => `<li>${escaped(one)}</li>`).join("")}</ul></section>`
    : `<section class="good"><p>Everything is as it should be.</p></section>`;

const table = (title: string, head: readonly string[], rows: readonly (readonly string[])[]): string =>
  `<section><h2>${escaped(title)}</h2><div class="wide"><table><thead><tr>${head.map((cell) => `<th>${escaped(cell)}</th>`).join("")}</tr></thead><tbody>${rows
    .map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`)
    .join("")}</tbody></table></div></section>`;

const STYLE = `
:root { color-scheme: light; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem; background: #fff; color: #1f2937; font: 15px/1.5 system-ui, Helvetica, Arial, sans-serif; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 0 0 .5rem; font-size: 1.05rem; }
header p { margin: .2rem 0 1rem; color: #4b5563; }
section { margin: 1.5rem 0; }
.good, .bad { margin: 0 0 1rem; padding: .6rem 1rem; border-left: 4px solid; border-radius: 4px; }
.good { border-color: #2e7d4f; background: #eef7f1; }
.bad { border-color: #b3261e; background: #fdecea; }
.good p, .bad ul { margin: 0; }
figure { margin: 0; padding: 1rem; border: 1px solid #e5e7eb; border-radius: 8px; overflow-x: auto; }
figure svg { display: block; max-width: 100%; height: auto; min-width: 56rem; margin: 0 auto; }
figcaption { margin-top: .8rem; color: #6b7280; font-size: .85rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { padding: .3rem .7rem; border-bottom: 1px solid #e5e7eb; text-align: left; vertical-align: top; }
th { color: #4b5563; font-weight: 600; }
`;
