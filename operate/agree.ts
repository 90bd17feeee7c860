import { isCancel } from "@clack/prompts";

/**
 * Goes on when whoever is at the terminal says so, or has said `--yes`.
 *
 * @param ask Shows the question; a truthy answer, and no cancellation, is a yes.
 * @throws Error that nothing was changed.
 */
export async function agree(
  { yes = false }: { readonly yes?: boolean },
  ask: () => Promise<boolean | symbol>,
): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new Error("nothing was changed: without a terminal to ask on, this needs --yes");
  const answer = await ask();
  if (isCancel(answer) || !answer) throw new Error("nothing was changed");
}
