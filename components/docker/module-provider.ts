/* eslint-disable @typescript-eslint/no-require-imports -- an import would not survive Pulumi's serialisation */
import type * as pulumi from "@pulumi/pulumi";

type Method = "create" | "update" | "delete" | "read";

/**
 * A dynamic provider whose methods are the functions of a TypeScript module of this project.
 *
 * Pulumi stores a dynamic provider's source text in the state and compares it. So the text is only this call; the
 * module is loaded when a method runs, from the project the engine works in, and a change in it is no change of the
 * resource.
 *
 * The path is in that text, hence in the state: what an earlier version deployed is refreshed and deleted through the
 * path that it had then. So a module that moves leaves a file at its old path that exports it.
 *
 * @param file Path from the project's root, for example `./components/gateway/client-key.provider.ts`.
 */
export function moduleProvider(file: string, methods: readonly Method[]): pulumi.dynamic.ResourceProvider {
  // This is the `require` of the process that runs the provider: plain Node in the project's folder, which reads
  // TypeScript by itself. The inner function is the text in the state, so it has neither types nor comments.
  const call =
    (method: Method): ((...args: unknown[]) => unknown) =>
    (...args) =>
      require(`${process.cwd()}/${file}`)[method](...args);
  return Object.fromEntries(
    methods.map((method) => [method, call(method)]),
  ) as unknown as pulumi.dynamic.ResourceProvider;
}
