import { readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { ReadableStream } from "node:stream/web";
import { parseArgs } from "node:util";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

// STAND-IN for age and age-keygen, with the options that the backup of each night uses, by the library of age's author:
//   node age-stand-in.ts age -r RECIPIENT…                    encrypts standard input
//   node age-stand-in.ts age --decrypt --identity FILE        decrypts it
//   node age-stand-in.ts age-keygen                           prints an identity
//   node age-stand-in.ts age-keygen -y                        prints the recipient of one on standard input

const [program, ...args] = process.argv.slice(2);
const { values } = parseArgs({
  args,
  options: {
    recipient: { type: "string", multiple: true, short: "r", default: [] },
    decrypt: { type: "boolean" },
    identity: { type: "string", default: "" },
    y: { type: "boolean", short: "y" },
  },
});
const input = ReadableStream.from(process.stdin) as globalThis.ReadableStream<Uint8Array>;
const identityIn = (text: string) => text.split("\n").find((line) => line.startsWith("AGE-SECRET-KEY-"))!;

if (program === "age-keygen") {
  const identity = values.y ? identityIn(readFileSync(0, "utf8")) : await generateX25519Identity();
  const recipient = await identityToRecipient(identity);
  console.log(values.y ? recipient : `# public key: ${recipient}\n${identity}`);
} else if (values.decrypt) {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identityIn(readFileSync(values.identity, "utf8")));
  await pipeline(await decrypter.decrypt(input), process.stdout);
} else {
  const encrypter = new Encrypter();
  for (const recipient of values.recipient) encrypter.addRecipient(recipient);
  await pipeline(await encrypter.encrypt(input), process.stdout);
}
