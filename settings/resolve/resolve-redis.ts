import type { RedisConfig } from "../schemas/redis-schema.ts";
import type { RedisSettings } from "../settings.ts";

const HOST = "redis";

export const resolveRedis = ({ image, memory, cacheSeconds }: RedisConfig, namePrefix: string): RedisSettings => ({
  image,
  memoryMiB: memory,
  cacheSeconds,
  host: HOST,
  container: `${namePrefix}${HOST}`,
  network: `${namePrefix}${HOST}-net`,
});
