import type { MonitoringConfig } from "../schemas/monitoring-schema.ts";
import type { LogsSettings, MonitoringSettings, ScheduledCheckSettings } from "../settings.ts";
import { lokiContainer, monitoringContainer } from "./daemon-names.ts";

/** Docker's own; `guards/preflight.ts` asks the daemon for its folder. */
const DOCKER_ROOT = "/var/lib/docker";

export const resolveMonitoring = (
  { image, days, mib, memory, logs }: MonitoringConfig,
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
  logs: logs.enabled ? resolveLogs(logs, namePrefix) : undefined,
});

const resolveLogs = (
  { image, days, memory, collectorImage, collectorMemory }: MonitoringConfig["logs"],
  namePrefix: string,
): LogsSettings => ({
  image,
  days,
  memoryMiB: memory,
  container: lokiContainer(namePrefix),
  network: `${namePrefix}loki-net`,
  linesNetwork: `${namePrefix}log-lines-net`,
  volume: `${namePrefix}loki-data`,
  collector: {
    image: collectorImage,
    memoryMiB: collectorMemory,
    container: `${namePrefix}log-collector`,
    volume: `${namePrefix}log-offsets`,
  },
  dockerRoot: DOCKER_ROOT,
});
