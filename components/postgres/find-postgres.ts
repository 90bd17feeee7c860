import type { NetworkMember } from "../docker/network-members.ts";

/**
 * The container to which a name leads on a network, or why there is none.
 *
 * @param members The containers on that network.
 */
export function findPostgres(
  host: string,
  network: string,
  members: readonly NetworkMember[],
): { readonly container: NetworkMember } | { readonly problem: string } {
  const named = members.filter(({ names }) => names.includes(host));
  const [container, ...more] = named.filter(({ state }) => state === "running");
  const setting = "litellm-mcp:postgres.host";
  if (container && !more.length) return { container };
  if (container) {
    const both = named.map(({ name }) => name).join(" and ");
    return {
      problem: `${setting}: on network ${network}, ${host} leads to ${both} in turn. Write the name of one of them`,
    };
  }
  const [stopped] = named;
  if (stopped)
    return {
      problem: `${setting}: container ${stopped.name} does not run (${stopped.state}). Start it: docker start ${stopped.name}`,
    };
  const there = members
    .map(({ name, names }) => [name, ...names.filter((one) => one !== name && !isId(one))].join(", or "))
    .sort();
  return {
    problem:
      `${setting}: no container on network ${network} has the name or alias ${host}; ` +
      (there.length
        ? `there are: ${there.join("; ")}. Write one of these`
        : `there is none at all. Put Postgres on it: docker network connect ${network} NAME`),
  };
}

/** Docker gives each container its short id as a name. */
const isId = (name: string) => /^[0-9a-f]{12}$/.test(name);
