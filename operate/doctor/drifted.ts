import { CLIENT_KEY_TYPE } from "../../components/resource-names.ts";
import type { Change } from "../preview/plan.ts";
import { showFields } from "../preview/show.ts";
import type { Finding } from "./finding.ts";

type Drifted = Pick<Change, "action" | "what" | "urn" | "fields">;

/** What somebody has changed where Docker does not tell of it: rights in LiteLLM and Postgres, limits of a container. */
export function judgeDrift({ action, what, urn, fields }: Drifted, up: string): Finding {
  const fix = `${up}${up.includes(" -- ") ? "" : " --"} --refresh brings it back`;
  const isGone = action === "delete";
  if (urn.includes(CLIENT_KEY_TYPE)) return { ...ofKey(/^client-(.*)-key$/.exec(what)?.[1], isGone, fields), fix };
  const seen = `${what} ${isGone ? "is missing" : `is changed: ${showFields(fields)}`}`;
  if (urn.includes("postgresql:index/"))
    return {
      seen: `in Postgres, ${seen}`,
      means: /index\/(?:grant|defaultPrivileges):/.test(urn)
        ? "somebody has revoked or granted a right: a tool that needs it is refused, or may do more than it should"
        : "somebody has changed it with SQL: whoever works with it there is refused",
      fix,
    };
  return { seen, means: "somebody has changed it since the last npm run up, for example with docker update", fix };
}

/** @param client Undefined of the key with which the ingress itself lists tools. */
function ofKey(client: string | undefined, isGone: boolean, fields: Drifted["fields"]): Omit<Finding, "fix"> {
  const whose = client === undefined ? "the ingress" : `client ${client}`;
  return isGone
    ? {
        seen: `LiteLLM does not know the key of ${whose}`,
        means:
          "somebody has deleted the key in LiteLLM, or its database is one from before the key was made: that client is refused",
      }
    : {
        seen: `LiteLLM has other rights for the key of ${whose}: ${showFields(fields)}`,
        means:
          "somebody has changed them in LiteLLM's pages or by its API. What a client may call is decided before LiteLLM, by the settings",
      };
}
