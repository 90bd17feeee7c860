import type { MonitoringConfig } from "../schemas/monitoring-schema.ts";
import type { MonitoringSettings, ScheduledCheckSettings } from "../settings.ts";
import { monitoringContainer } from "./daemon-names.ts";

export const resolveMonitoring = (
  { image, days, mib, memory }: MonitoringConfig,
  scheduledCheck: Pick<ScheduledCheckSettings, "alert"> | undefined,
  namePrefix: string,
): MonitoringSettings => ({
  image,
  days,
  mib,
  memoryMiB: memory,
  container: monitoringContainer(namePrefix),
  network: `${namePrefix}monitoring-net`,
  alertsNetwork: scheduledCheck?.alert && `${namePrefix}alerts-net`,
  volume: `${namePrefix}prometheus-data`,
});
