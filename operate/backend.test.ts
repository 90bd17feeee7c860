import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { refuseBackend } from "./backend.ts";

test("an address of states with a folder that is not there is refused with variable, folder and what to write", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "litellm-mcp-backend-"));
  t.after(() => rm(folder, { recursive: true }));
  await refuseBackend(undefined);
  await refuseBackend(`file://${folder}`);
  await refuseBackend(`file://${folder}?no_tmp_dir=true`);
  await refuseBackend("s3://bucket?region=eu-central-1");
  await assert.rejects(refuseBackend(`file://${folder}/no`), {
    message:
      `PULUMI_BACKEND_URL is file://${folder}/no, and ${folder}/no is not there: write the folder that has the states, or mkdir -p '${folder}/no' for new stacks, ` +
      "or unset PULUMI_BACKEND_URL, and the states are where pulumi login has chosen, or else in ~/.local/share/litellm-mcp",
  });
  await writeFile(path.join(folder, "file"), "");
  await assert.rejects(
    refuseBackend(`file://${folder}/file`),
    /\/file is a file: write the folder that has the states, or unset/,
  );
  await assert.rejects(
    refuseBackend(`file://${folder}/file/below`),
    /^Error: PULUMI_BACKEND_URL is .* cannot be read: ENOTDIR/,
  );
});

test("an address of states that Pulumi would take for its cloud is refused", async () => {
  await assert.rejects(
    refuseBackend("/srv/states"),
    /is \/srv\/states, which is no address .*: write file:\/\/\/srv\/states for a folder/,
  );
  await assert.rejects(refuseBackend("mysql://me:secret@server/states"), /is mysql:\/\/…@server\/states, which/);
  await assert.rejects(
    refuseBackend("blah://x"),
    /is blah:\/\/x, which is no address .*: write file:\/\/\/FOLDER for a folder/,
  );
});
