import { Gauge, Registry } from "prom-client";
import { gaugesOf } from "../../lib/gauges.ts";
import type { BackupFigures } from "./backup.ts";
import { type DiskFacts, usedPercent } from "./disk.ts";
import type { State } from "./state.ts";

export interface FiguresOptions {
  readonly state: () => Pick<State, "last" | "troubles">;
  /** What a run of everything tries. */
  readonly lookedAt: readonly string[];
  readonly disk: () => DiskFacts;
  /** Undefined where no backup is made, or where nothing is said of it. */
  readonly backup: () => BackupFigures | undefined;
}

/** For Prometheus: what the scheduled check has found, and what it sees of the host. */
export function figuresOf({ state, lookedAt, disk, backup }: FiguresOptions): Registry {
  const registry = new Registry();
  const gauge = gaugesOf(registry);
  gauge("scheduled_check_run_timestamp_seconds", "When everything was tried last", () => {
    const { last } = state();
    return last ? Date.parse(last.at) / 1_000 : undefined;
  });
  gauge("scheduled_check_run_seconds", "How long that took", () => state().last?.seconds);
  new Gauge({
    name: "scheduled_check_problem",
    help: "Whether something is wrong with it, which a second run has found as well",
    labelNames: ["subject"],
    registers: [registry],
    collect() {
      this.reset();
      const { last, troubles } = state();
      // Before the first run nobody knows.
      for (const subject of last ? lookedAt : [])
        this.set({ subject }, troubles.some(({ of, isSure }) => isSure && of === subject) ? 1 : 0);
    },
  });
  gauge(
    "docker_disk_used_ratio",
    "How much of the disk that has Docker's volumes is used",
    () => usedPercent(disk()) / 100,
  );
  gauge("backup_newest_timestamp_seconds", "When the newest good backup was made", () => {
    const newest = backup()?.newest;
    return newest ? Date.parse(newest.made) / 1_000 : undefined;
  });
  gauge("backup_newest_bytes", "Size of the newest good backup", () => backup()?.newest?.bytes);
  gauge("backup_kept", "How many good backups there are", () => backup()?.kept);
  return registry;
}
