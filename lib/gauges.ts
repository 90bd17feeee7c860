import { Gauge, type Registry } from "prom-client";

/** Adds figures to a registry that are read when somebody asks for them: `gauge(name, help, value)`. */
export const gaugesOf = (registry: Registry) => (name: string, help: string, value: () => number) =>
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
