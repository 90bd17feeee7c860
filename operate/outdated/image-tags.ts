/** An image's reference, in its parts. */
export interface Reference {
  /** Address of its registry. */
  readonly registry: string;
  readonly repository: string;
  /** Undefined where it is named by its digest alone. */
  readonly tag: string | undefined;
}

/** As Docker reads it: the first part is a host where it has a dot or a port, and else the image is Docker Hub's. */
export function readReference(image: string): Reference {
  const name = image.split("@")[0]!;
  const [, path = name, tag] = /^(.*?)(?::([\w][\w.-]*))?$/.exec(name) ?? [];
  const [first = "", ...rest] = path.split("/");
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  const isTagged = tag !== undefined || !image.includes("@");
  return {
    registry: isHost ? address(first) : "https://registry-1.docker.io",
    repository: isHost ? rest.join("/") : rest.length ? path : `library/${path}`,
    tag: isTagged ? (tag ?? "latest") : undefined,
  };
}

/** Docker asks a registry on this machine without TLS. */
const address = (host: string) => `${/^(localhost|127\.0\.0\.1)(:\d+)?$/.test(host) ? "http" : "https"}://${host}`;

const TIMEOUT_MS = 15_000;
/** A repository with more is not read to its end: its newest tags may be among the rest. */
const MOST_PAGES = 50;

/**
 * All tags of an image, asked of its registry, which gives anybody a token to read what is public.
 *
 * @throws Error that says what the registry did not do.
 */
export async function tagsOf({ registry, repository }: Pick<Reference, "registry" | "repository">): Promise<string[]> {
  const tags: string[] = [];
  let token: string | undefined;
  let page: string | undefined = `/v2/${repository}/tags/list?n=1000`;
  for (let pages = 0; page !== undefined && pages < MOST_PAGES; pages += 1) {
    const url = new URL(page, registry);
    let answer = await get(url, token);
    if (answer.status === 401 && token === undefined) {
      token = await tokenFor(answer.headers.get("www-authenticate") ?? "", registry);
      answer = await get(url, token);
    }
    if (!answer.ok) throw new Error(`${registry} answers HTTP ${answer.status} for ${repository}`);
    tags.push(...(((await answer.json()) as { tags?: string[] | null }).tags ?? []));
    page = /<([^>]+)>; *rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
  }
  return tags;
}

async function get(url: URL, token: string | undefined): Promise<Response> {
  try {
    return await fetch(url, {
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`${url.origin} does not answer: ${cause instanceof Error ? cause.message : message}`, {
      cause: error,
    });
  }
}

/** Where the registry says that one gets a token. */
async function tokenFor(challenge: string, registry: string): Promise<string> {
  const { realm, ...asked } = Object.fromEntries(
    [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]),
  );
  if (!/^Bearer /i.test(challenge) || realm === undefined) throw new Error(`${registry} asks for a login`);
  const url = new URL(realm);
  for (const [key, value] of Object.entries(asked)) url.searchParams.set(key, value);
  const answer = await get(url, undefined);
  const { token, access_token: accessToken } = answer.ok
    ? ((await answer.json()) as { token?: string; access_token?: string })
    : {};
  const given = token ?? accessToken;
  if (given === undefined) throw new Error(`${registry} asks for a login (HTTP ${answer.status} for a token)`);
  return given;
}
