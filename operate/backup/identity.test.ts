import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { armor, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { newIdentity, readIdentities, recipientsOfIdentities } from "./identity.ts";
import { readRecipients, recipientsOf } from "./recipients.ts";

let folder: string;
let file: string;
const nobody = () => Promise.reject(new Error("nobody should be asked"));

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "backup-identity-"));
  file = path.join(folder, "key.txt");
});
afterEach(() => rm(folder, { recursive: true }));

test("an identity that was made is read again, and is for its owner alone", async () => {
  const recipient = await newIdentity(file);
  const identities = await readIdentities(file, nobody);
  assert.deepEqual(await recipientsOfIdentities(identities), [recipient]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test("one that is there is never written over", async () => {
  await newIdentity(file);
  const before = await readFile(file, "utf8");
  await assert.rejects(newIdentity(file), /there is such a file, and what is in it may open backups/);
  assert.equal(await readFile(file, "utf8"), before);
});

test("several are read, beside comments", async () => {
  const all = [await generateX25519Identity(), await generateX25519Identity()];
  await writeFile(file, `# of 2026\n${all[0]}\r\n\n  ${all[1]}`);
  assert.deepEqual(await readIdentities(file, nobody), all);
});

test("one that is itself encrypted is opened with its passphrase, armored or not", async () => {
  const identity = await generateX25519Identity();
  const encrypter = new Encrypter();
  encrypter.setPassphrase("correct horse");
  encrypter.setScryptWorkFactor(10);
  const sealed = await encrypter.encrypt(`${identity}\n`);
  for (const content of [sealed, armor.encode(sealed)]) {
    await writeFile(file, content);
    assert.deepEqual(await readIdentities(file, () => Promise.resolve("correct horse")), [identity]);
    await assert.rejects(
      readIdentities(file, () => Promise.resolve("battery staple")),
      /key\.txt: it is encrypted, and the passphrase is another one$/,
    );
    await assert.rejects(
      readIdentities(file, () => Promise.reject(new Error("there is no terminal"))),
      /no terminal/,
    );
  }
});

for (const [what, text, message] of [
  ["nothing", "# nothing\n", /key\.txt: it has no identity, a line AGE-SECRET-KEY-1…$/],
  ["the public half", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n", /it has a recipient, the/],
  ["a key of ssh", "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n", /line 1 that is no comment is no identity of age/],
  ["one with another letter", `AGE-SECRET-KEY-1${"Q".repeat(58)}`, /line 1 that is no comment is no identity of age/],
] as const)
  test(`refused, and not shown: a file with ${what}`, async () => {
    await writeFile(file, text);
    await assert.rejects(readIdentities(file, nobody), (error: Error) => {
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret$|QQQ/);
      return true;
    });
  });

test("refused: a file that is not there", () =>
  assert.rejects(readIdentities(file, nobody), /^Error: --identity .*key\.txt: there is no such file$/));

test("recipients are those of the stack's file, and a wrong one is refused there and on the command line", async () => {
  const recipient = await identityToRecipient(await generateX25519Identity());
  const settings = (text: string) => writeFile(path.join(folder, "Pulumi.lan.yaml"), text);
  for (const [text, recipients] of [
    ["", []],
    ["config:\n  litellm-mcp:backup: {}\n", []],
    [`config:\n  litellm-mcp:backup: { recipients: [${recipient}] }\n`, [recipient]],
  ] as const) {
    await settings(text);
    assert.deepEqual(recipientsOf("lan", folder), recipients);
  }
  await settings("config:\n  litellm-mcp:backup: { recipients: [age1abc] }\n");
  assert.throws(() => recipientsOf("lan", folder), /litellm-mcp:backup\.recipients\[0\][^]*write: a recipient of age/);
  assert.deepEqual(readRecipients([recipient]), [recipient]);
  assert.throws(
    () => readRecipients([recipient, "AGE-SECRET-KEY-1X"]),
    (error: Error) => /^--recipient: write a recipient of age/.test(error.message) && !error.message.includes("KEY-1X"),
  );
});
