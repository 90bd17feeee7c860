import assert from "node:assert/strict";
import { test } from "node:test";
import * as toml from "@decimalturn/toml-patch";
import { parse as parseJson } from "jsonc-parser";
import { merge } from "./merge.ts";

const server = { type: "http", url: "http://192.168.1.10:4000/mcp/", headers: { Authorization: "Bearer sk-1" } };
const json = (before: string | undefined, value: unknown = server) =>
  merge(before, { format: "json", entries: [{ path: ["mcpServers", "litellm"], value }] });
const table = {
  url: "http://192.168.1.10:4000/mcp/",
  http_headers: { Authorization: "Bearer sk-1" },
  startup_timeout_sec: 60,
};
const tables = (before: string | undefined, value: unknown = table) =>
  merge(before, { format: "toml", entries: [{ path: ["mcp_servers", "litellm"], value }] });

test("a file that is not there, or is empty, gets our entry alone", () => {
  for (const before of [undefined, "", "\n"]) {
    assert.deepEqual(JSON.parse(json(before).text), { mcpServers: { litellm: server } });
    assert.deepEqual(structuredClone(toml.parse(tables(before).text)), { mcp_servers: { litellm: table } });
    assert.deepEqual(json(before).replaced, []);
  }
  assert.match(tables(undefined).text, /^\[mcp_servers\.litellm\]\n/);
});

test("JSON: other entries, comments, trailing commas and the indent stay", () => {
  const before = `{
    // about the server below
    "mcpServers": {
        "other": { "command": "npx", "args": ["-y", "x"] }, // runs
    },
    /* the end */
    "theme": "dark",
}
`;
  const { text, replaced } = json(before);
  assert.deepEqual(replaced, []);
  for (const line of [
    "    // about the server below",
    "// runs",
    "    /* the end */",
    `    "theme": "dark",\n}`,
    `\n        "litellm": {\n            "type"`,
  ])
    assert.ok(text.includes(line), `${line} is not in\n${text}`);
  assert.deepEqual(parseJson(text, [], { allowTrailingComma: true }), {
    mcpServers: { other: { command: "npx", args: ["-y", "x"] }, litellm: server },
    theme: "dark",
  });
});

test("JSON: a member of a list is found by its id, replaced in its place or added at the end", () => {
  const content = {
    format: "json",
    entries: [{ path: ["inputs", { id: "ours" }], value: { id: "ours", type: "new" } }],
  } as const;
  const merged = (before: unknown) => JSON.parse(merge(JSON.stringify(before), content).text);
  assert.deepEqual(merged({}), { inputs: [{ id: "ours", type: "new" }] });
  assert.deepEqual(merged({ inputs: [{ id: "theirs" }] }), { inputs: [{ id: "theirs" }, { id: "ours", type: "new" }] });
  assert.deepEqual(merged({ inputs: [{ id: "ours", type: "old" }, { id: "theirs" }] }), {
    inputs: [{ id: "ours", type: "new" }, { id: "theirs" }],
  });
});

test("TOML: other tables, comments and values of every kind stay, wherever our table belongs", () => {
  const others = `# mine
model = "m" # the good one
since = 2024-01-01
ratio = 1.0

[projects."/home/me/a b"]
trust_level = "trusted"
`;
  for (const servers of [
    "",
    '\n[mcp_servers.docs]\ncommand = "npx" # runs\nargs = [\n  "-y", # yes\n]\n',
    '\n[mcp_servers]\ndocs = { command = "npx" }\n',
  ]) {
    const before = others + servers;
    const { text, replaced } = tables(before);
    assert.deepEqual(replaced, []);
    for (const line of before.split("\n")) assert.ok(text.includes(line), `${line} is not in\n${text}`);
    const parsed = toml.parse(text) as { mcp_servers: Record<string, unknown> };
    assert.deepEqual(structuredClone(parsed.mcp_servers.litellm), table);
  }
});

test("an entry of ours with another content is replaced, and that is said; nothing of it stays", () => {
  const changed = json(JSON.stringify({ mcpServers: { litellm: { ...server, oauth: true }, other: 1 } }));
  assert.deepEqual(JSON.parse(changed.text), { mcpServers: { litellm: server, other: 1 } });
  assert.deepEqual(changed.replaced, ["mcpServers.litellm"]);

  const old =
    '[mcp_servers.litellm]\nurl = "http://old/"\nbearer_token_env_var = "X"\n[mcp_servers.litellm.http_headers]\nAuthorization = "old"\n[tui]\nx = 1 # kept\n';
  const { text, replaced } = tables(old);
  assert.deepEqual(structuredClone(toml.parse(text)), { mcp_servers: { litellm: table }, tui: { x: 1 } });
  assert.match(text, /x = 1 # kept/);
  assert.deepEqual(replaced, ["mcp_servers.litellm"]);
});

test("what is there already is not written again, whatever its layout", () => {
  const oneLine = `{"mcpServers":{"litellm":${JSON.stringify(server)}}}\n`;
  assert.deepEqual(json(oneLine), { text: oneLine, replaced: [] });
  const inline =
    'mcp_servers = { litellm = { startup_timeout_sec = 60, url = "http://192.168.1.10:4000/mcp/", http_headers = { Authorization = "Bearer sk-1" } } }\n';
  assert.deepEqual(tables(inline), { text: inline, replaced: [] });
  assert.equal(json(json(undefined).text).text, json(undefined).text);
  assert.equal(tables(tables(undefined).text).text, tables(undefined).text);
});

test("what does not parse, or has something else in our place, is an error that shows no line of the file", () => {
  assert.throws(() => json('{\n  "a": "sk-secret"\n  "b": 1\n}'), { message: "not JSON: CommaExpected in line 3" });
  assert.throws(() => json("sk-secret"), { message: "not JSON: InvalidSymbol in line 1" });
  assert.throws(() => json("[]"), { message: "the whole file is not a map" });
  assert.throws(() => json('{"mcpServers": ["sk-secret"]}'), { message: "mcpServers is not a map" });
  assert.throws(
    () => merge('{"inputs": {}}', { format: "json", entries: [{ path: ["inputs", { id: "x" }], value: {} }] }),
    { message: "inputs is not a list" },
  );
  assert.throws(
    () => tables('key = "sk-secret\n'),
    (error: Error) => /^not TOML: /.test(error.message) && !error.message.includes("sk-secret"),
  );
  assert.throws(() => tables("mcp_servers = 1\n"), { message: "mcp_servers is not a map" });
});

test("a file that is ours as a whole is replaced as a whole", () => {
  const content = { format: "text", text: "new\n" } as const;
  assert.deepEqual(merge(undefined, content), { text: "new\n", replaced: [] });
  assert.deepEqual(merge("new\n", content), { text: "new\n", replaced: [] });
  assert.deepEqual(merge("old\n", content), { text: "new\n", replaced: ["the whole file"] });
});

test("variables: others stay, one that only has to be there stays as it is, and no value is named as replaced", () => {
  const merged = (before: string | undefined) =>
    merge(before, {
      format: "env",
      variables: [
        { name: "KEY", value: "sk-1=2" },
        { name: "SECRET", make: () => "made" },
      ],
    });
  for (const before of [undefined, "", "\n"])
    assert.deepEqual(merged(before), { text: "KEY=sk-1=2\nSECRET=made\n", replaced: [] });
  assert.deepEqual(merged("# mine\nSECRET=old\n\nKEY=sk-0\nKEYS=x"), {
    text: "# mine\nSECRET=old\n\nKEY=sk-1=2\nKEYS=x\n",
    replaced: ["KEY"],
  });
  assert.deepEqual(merged("SECRET=\n"), { text: "SECRET=made\nKEY=sk-1=2\n", replaced: ["SECRET"] });
  const done = "KEY=sk-1=2\nSECRET=other\n";
  assert.deepEqual(merged(done), { text: done, replaced: [] });
});

test("a file with the line ends of Windows keeps them, in each format", () => {
  const onlyWindows = (text: string) =>
    assert.equal(text.replaceAll("\r\n", "").search(/[\r\n]/), -1, JSON.stringify(text));
  const before = '{\r\n  "mcpServers": {\r\n    "other": {}\r\n  }\r\n}\r\n';
  onlyWindows(json(before).text);
  assert.deepEqual(JSON.parse(json(before).text), { mcpServers: { other: {}, litellm: server } });
  const codex = tables('model = "x"\r\n\r\n[tui]\r\ntheme = "y"\r\n').text;
  onlyWindows(codex);
  assert.deepEqual(structuredClone(toml.parse(codex)).mcp_servers, { litellm: table });
  const variables = merge("A=1\r\nKEY=old\r\nSECRET=\r\n", {
    format: "env",
    variables: [
      { name: "KEY", value: "v" },
      { name: "SECRET", make: () => "made" },
    ],
  });
  assert.deepEqual(variables, { text: "A=1\r\nKEY=v\r\nSECRET=made\r\n", replaced: ["KEY", "SECRET"] });
});
