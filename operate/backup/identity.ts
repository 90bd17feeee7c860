import { readFile, writeFile } from "node:fs/promises";
import { armor, Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

const IDENTITY = /^AGE-SECRET-KEY-1/;
const ENCRYPTED = /^(age-encryption\.org\/|-----BEGIN AGE ENCRYPTED FILE-----)/;

/**
 * The identities in a file as `age-keygen` writes it: one a line, beside comments. It may itself be encrypted by `age
 * --passphrase`.
 *
 * @param askPassphrase Of such a file.
 * @throws Error that names the file and what it should hold.
 */
export async function readIdentities(file: string, askPassphrase: () => Promise<string>): Promise<string[]> {
  const wrong = (why: string, cause?: unknown) => new Error(`--identity ${file}: ${why}`, { cause });
  const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw wrong(error.code === "ENOENT" ? "there is no such file" : error.message, error);
  });
  const text = ENCRYPTED.test(content.subarray(0, 64).toString("latin1"))
    ? await decrypted(content, askPassphrase).catch((error: Error) => {
        throw wrong(`it is encrypted, and ${error.message}`, error);
      })
    : content.toString("utf8");
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith("#"));
  for (const [at, line] of lines.entries()) {
    if (line.startsWith("age1"))
      throw wrong("it has a recipient, the public half. What opens a backup is the secret one, AGE-SECRET-KEY-1…");
    // The line itself is a secret, or something else that nobody wanted to be shown.
    const isOne = IDENTITY.test(line) && (await identityToRecipient(line).catch(() => undefined));
    if (!isOne)
      throw wrong(
        `line ${at + 1} that is no comment is no identity of age, as age-keygen writes it: AGE-SECRET-KEY-1…`,
      );
  }
  if (!lines.length) throw wrong("it has no identity, a line AGE-SECRET-KEY-1…");
  return lines;
}

export const recipientsOfIdentities = (identities: readonly string[]): Promise<string[]> =>
  Promise.all(identities.map((one) => identityToRecipient(one)));

async function decrypted(content: Buffer, askPassphrase: () => Promise<string>): Promise<string> {
  const isArmored = content.toString("latin1", 0, 5) === "-----";
  const decrypter = new Decrypter();
  decrypter.addPassphrase(await askPassphrase());
  const sealed = isArmored ? armor.decode(content.toString("latin1")) : content;
  return decrypter.decrypt(sealed, "text").catch((error: Error) => {
    throw new Error(/no identity matched/.test(error.message) ? "the passphrase is another one" : error.message, {
      cause: error,
    });
  });
}

/**
 * Makes an identity, and writes it as `age-keygen -o FILE` does.
 *
 * @returns Its recipient.
 * @throws Error when there is such a file: whatever was encrypted for what is in it would be lost.
 */
export async function newIdentity(file: string): Promise<string> {
  const identity = await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n`;
  await writeFile(file, text, { mode: 0o600, flag: "wx" }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
    throw new Error(
      `--new-identity ${file}: there is such a file, and what is in it may open backups. Name another one`,
      {
        cause: error,
      },
    );
  });
  return recipient;
}
