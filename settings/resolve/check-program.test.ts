import assert from "node:assert/strict";
import { test } from "node:test";
import { HIDDEN, inFile, load, programFiles, refused } from "../../tests/small-stack.ts";

const noFile = "a file in mcp/dice/ that is part of the image";

refused([
  inFile(
    "program whose file is not there",
    programFiles({ command: ["python3", "sever.py"] }),
    "dice/server.yaml",
    "source.command[1]",
    '"sever.py"',
    noFile,
  ),
  inFile(
    "program whose file is not in the image",
    programFiles({ command: ["python3", "server_test.py"] }, { "server_test.py": "" }),
    "dice/server.yaml",
    "source.command[1]",
    '"server_test.py"',
    noFile,
  ),
  inFile(
    "program that is not there",
    programFiles({ command: ["./serve"] }),
    "dice/server.yaml",
    "source.command[0]",
    '"./serve"',
    noFile,
  ),
  inFile(
    "program outside of the folder",
    programFiles({ command: ["sh", "../time/serve.sh"] }),
    "dice/server.yaml",
    "source.command[1]",
    '"../time/serve.sh"',
    noFile,
  ),
  inFile(
    "program that cannot be executed",
    programFiles({ command: ["./serve"] }, { serve: "#!/bin/sh" }),
    "dice/server.yaml",
    "source.command[0]",
    '"./serve"',
    "a file that can be executed: chmod +x mcp/dice/serve",
  ),
  inFile(
    "file that is no command",
    programFiles({ command: ["server.py"] }),
    "dice/server.yaml",
    "source.command[0]",
    '"server.py"',
    "./server.py, or what runs it, such as [python3, server.py]",
  ),
  inFile(
    "program without a file",
    { "dice/server.yaml": programFiles({ command: ["python3", "-c", "pass"] })["dice/server.yaml"]! },
    "dice/server.yaml",
    "source.program",
    '"python"',
    "a package or an image, or put the program's files beside it",
  ),
  inFile(
    "program in another language",
    programFiles({ program: "ruby" }),
    "dice/server.yaml",
    "source.program",
    '"ruby"',
    "python or node: whose packages it may have",
  ),
  inFile(
    "version of a program",
    programFiles({ version: "1.0.0" }),
    "dice/server.yaml",
    "source.version",
    '"1.0.0"',
    "leave it out: its files are what they are",
  ),
  inFile(
    "program without a command",
    programFiles({ command: undefined }),
    "dice/server.yaml",
    "source.command",
    "nothing",
    "the words that start it, such as [python3, server.py]",
  ),
  inFile(
    "program that speaks http",
    programFiles({}, {}, { transport: { kind: "http", port: 8000 } }),
    "dice/server.yaml",
    "transport.kind",
    '"http"',
    "stdio: the adapter starts the program",
  ),
  inFile(
    "token of a program",
    programFiles({}, {}, { bearerToken: "diceToken" }),
    "dice/server.yaml",
    "bearerToken",
    HIDDEN,
    "leave it out: a program of your own is asked over stdio, without a token",
    { secretNames: ["diceToken"] },
  ),
]);

for (const command of [
  ["python3", "server.py", "--verbose"],
  ["python3", "./server.py"],
  ["python3", "-m", "server"],
  ["uvicorn", "server:app"],
  ["/usr/bin/env", "python3", "server.py"],
])
  test(`a program that is started by ${command.join(" ")}`, () => {
    const { servers } = load({ files: programFiles({ command }) });
    const { source, command: started } = servers.find(({ name }) => name === "dice")!;
    assert.deepEqual(source, { kind: "wrapped", runtime: "python", isOwnProgram: true, builtPackages: [] });
    assert.deepEqual(started, command);
  });
