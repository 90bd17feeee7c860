import type { GuardConfig } from "../schemas/guard-schema.ts";
import type { GuardSettings } from "../settings.ts";

/** A refused call is recorded as well, and a record with what no server may have would be one more place that has it. */
export const resolveGuard = ({ refuse, mask }: GuardConfig): GuardSettings => ({
  refused: [...new Set(refuse)].sort(),
  masked: [...new Set([...refuse, ...mask])].sort(),
});
