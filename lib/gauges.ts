import { Gauge, type Registry } from "prom-client";

/**
 * Adds figures to a registry that are read when somebody asks for them: `gauge(name, help, value)`. One whose value is undefined is
 * not there.
 */
export const gaugesOf = (registry: Registry) => (name: string, help: string, value: () => number | undefined) =>
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      const now = value();
      if (now === undefined) this.remove();
      else this.set(now);
    },
  });
