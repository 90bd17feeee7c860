import type { SslMode } from "../../settings/settings.ts";

/** As libpq reads sslmode: `require` encrypts and accepts any certificate, `verify-ca` one for any name. */
export const sslOf = (sslmode: SslMode) =>
  sslmode === "disable"
    ? false
    : {
        rejectUnauthorized: sslmode !== "require",
        ...(sslmode === "verify-ca" && { checkServerIdentity: () => undefined }),
      };
