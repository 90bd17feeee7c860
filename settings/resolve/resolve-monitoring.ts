import type { MonitoringConfig } from "../schemas/monitoring-schema.ts";
import type { MonitoringSettings } from "../settings.ts";
import { monitoringContainer } from "./daemon-names.ts";

export const resolveMonitoring = (
  { image, days, mib, memory }: MonitoringConfig,
  namePrefix: string,
): MonitoringSettings => ({
  image,
  days,
  mib,
  memoryMiB: memory,
  container: monitoringContainer(namePrefix),
  network: `${namePrefix}monitoring-net`,
  volume: `${namePrefix}prometheus-data`,
});
