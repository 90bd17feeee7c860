"use strict";
/** A Prisma connection URL as libpq and node-postgres read it: Prisma's own parameters taken out. */
const PRISMA_PARAMETERS = ["connection_limit", "pool_timeout", "schema", "pgbouncer", "connect_timeout", "socket_timeout"];

exports.plainUrl = (text) => {
  const url = new URL(text);
  for (const name of PRISMA_PARAMETERS) url.searchParams.delete(name);
  return url.toString();
};
