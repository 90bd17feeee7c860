import { inStack, refused } from "../../tests/small-stack.ts";

refused([
  inStack(
    "two servers on one port",
    { servers: { git: { debugPort: 48001 }, time: { debugPort: 48001 } } },
    "servers.time.debugPort",
    "48001",
    "another port: litellm-mcp:servers.git.debugPort has this one",
  ),
  inStack(
    "LiteLLM's own port on the gateway's",
    { gateway: { port: 4010, adminPort: 4010 } },
    "gateway.adminPort",
    "4010",
    "another port: litellm-mcp:gateway.port has this one",
  ),
  inStack(
    "LiteLLM's own port, left out, on Postgres's",
    { gateway: { port: 5431 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.adminPort has this one",
  ),
  inStack(
    "no port left for LiteLLM itself",
    { gateway: { port: 65535 } },
    "gateway.adminPort",
    "nothing",
    "a port, 1 to 65535: gateway.port + 1 is none",
  ),
  inStack(
    "gateway on Postgres's port",
    { gateway: { port: 5432 } },
    "postgres.port",
    "5432",
    "another port: litellm-mcp:gateway.port has this one",
  ),
]);
