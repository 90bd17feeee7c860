import type * as pulumi from "@pulumi/pulumi";

type Method = "create" | "update" | "delete" | "read";

/**
 * A dynamic provider whose methods are the functions of a TypeScript module of this project.
 *
 * Pulumi stores a dynamic provider's source text in the state and compares it. So the text is only this call; the module
 * is loaded when a method runs, from the project the engine works in, and a change in it is no change of the resource.
 *
 * The state names the module's path, and what an earlier version deployed is deleted and refreshed by the path of then: a module that
 * moves leaves a file behind that exports it.
 *
 * @param file Path from the project's root, for example `./components/gateway/client-key.provider.ts`.
 */
export function moduleProvider(file: string, methods: readonly Method[]): pulumi.dynamic.ResourceProvider {
  // `require` is the one of the process that runs the provider: plain Node in the project's folder, which reads TypeScript by itself.
  const call =
    (method: Method) =>
    (...args: unknown[]) =>
      // eslint-disable-next-line @typescript-eslint/no-require-imports -- see above; an import would not survive serialisation
      require(`${process.cwd()}/${file}`)[method](...args);
  return Object.fromEntries(
    methods.map((method) => [method, call(method)]),
  ) as unknown as pulumi.dynamic.ResourceProvider;
}
