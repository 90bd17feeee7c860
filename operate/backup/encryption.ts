import { ReadableStream } from "node:stream/web";
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";

/** Of the name of a part that is encrypted, as `age` itself calls its files. */
export const SEALED = ".age";

type Bytes = AsyncIterable<Uint8Array>;

// Node's type of it is another one than the library's, and the same class.
const streamOf = (bytes: Bytes) => ReadableStream.from(bytes) as globalThis.ReadableStream<Uint8Array>;

/** How the parts of a backup are written, and read again by whoever wrote them. */
export interface Sealing {
  /** For whom; empty: nothing is encrypted. */
  readonly recipients: readonly string[];
  /** As the part is called in the file. */
  readonly nameOf: (part: string) => string;
  readonly seal: (plain: Bytes) => Bytes;
  readonly open: (sealed: Bytes) => Bytes;
  /** What `open` does it with. */
  readonly identities: readonly string[];
}

/**
 * Encrypts for recipients, and besides for an identity that is nowhere but in the memory of this process: only so can what is
 * on the disk be read again to its end before the backup has its name.
 */
export async function sealingFor(recipients: readonly string[]): Promise<Sealing> {
  const unchanged = (bytes: Bytes) => bytes;
  if (!recipients.length)
    return { recipients, nameOf: (part) => part, seal: unchanged, open: unchanged, identities: [] };
  const own = await generateX25519Identity();
  const encrypter = new Encrypter();
  for (const recipient of [...recipients, await identityToRecipient(own)]) encrypter.addRecipient(recipient);
  return {
    recipients,
    nameOf: (part) => `${part}${SEALED}`,
    async *seal(plain) {
      yield* await encrypter.encrypt(streamOf(plain));
    },
    open: opening([own]),
    identities: [own],
  };
}

/** None of the identities is one for which it was encrypted. */
export class OtherIdentity extends Error {}

/**
 * Decrypts. What it gives may be used once all of it was read: only then is it known that nothing of it is missing.
 *
 * @throws OtherIdentity, or Error of what is damaged.
 */
export function opening(identities: readonly string[]): (sealed: Bytes) => AsyncGenerator<Uint8Array> {
  return async function* (sealed) {
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity);
    try {
      yield* await decrypter.decrypt(streamOf(sealed));
    } catch (error) {
      if (/no identity matched/.test((error as Error).message)) throw new OtherIdentity(undefined, { cause: error });
      throw error;
    }
  };
}
