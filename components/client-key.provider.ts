// The state of a stack that was deployed by an earlier version names this path, see
// components/docker/module-provider.ts.
export * from "./gateway/client-key.provider.ts";
