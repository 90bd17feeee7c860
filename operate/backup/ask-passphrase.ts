import { isCancel, password } from "@clack/prompts";

/** Of an identity that is itself encrypted. */
export async function askPassphrase(): Promise<string> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new Error("there is no terminal to ask for its passphrase on: age --decrypt it, and name what comes of it");
  const answer = await password({ message: "Passphrase of the identity" });
  if (isCancel(answer)) throw new Error("nothing was changed");
  return answer;
}
