import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { failedBuilds } from "./failed-builds.ts";

/** As BuildKit wrote it, shortened. */
const FAILED = `#13 6.770 Initialized empty Git repository in /opt/example/.git/
#13 7.237 ERROR: Could not find a version that satisfies the requirement nosuch==9.9 (from versions: none)\r
#13 ERROR: executor failed running [/bin/sh -c sh -eu /opt/server/setup.sh]: exit code: 1
------
 > [stage-7 3/3] RUN sh -eu /opt/server/setup.sh:
6.770 Initialized empty Git repository in /opt/example/.git/
7.237 ERROR: Could not find a version that \x1b[1msatisfies\x1b]0;title\x07 the requirement nosuch==9.9 (from versions: none)\r
------
Dockerfile:12
`;

test("of each build that failed the step is named, and what it printed last", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "litellm-mcp-builds-"));
  try {
    assert.deepEqual(await failedBuilds(path.join(folder, "of a run that built nothing")), []);
    await writeFile(path.join(folder, "git.log"), FAILED);
    await writeFile(path.join(folder, "time.log"), "#9 exporting to image\n#9 DONE 0.1s\n");
    await writeFile(path.join(folder, "other"), FAILED);
    assert.deepEqual(await failedBuilds(folder), [
      {
        name: "git",
        step: "[stage-7 3/3] RUN sh -eu /opt/server/setup.sh",
        lines: [
          "6.770 Initialized empty Git repository in /opt/example/.git/",
          "7.237 ERROR: Could not find a version that satisfies the requirement nosuch==9.9 (from versions: none)",
        ],
      },
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
