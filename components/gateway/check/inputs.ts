import type { Expected } from "../../../check/expectations.ts";
import type { DockerEndpoint } from "../../docker/docker-connection.ts";

/** Everything that a check of the gateway needs to know; the inputs of the `GatewayCheck` resource. */
export interface GatewayCheckInputs extends Expected {
  readonly docker: DockerEndpoint;
  /** The stack's name, for the command that approves tools. */
  readonly stack: string;
  /** Ids of containers: when one changes, the check runs again. The check itself does not read them. */
  readonly triggers: readonly string[];
}
