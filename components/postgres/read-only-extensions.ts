import * as pulumi from "@pulumi/pulumi";
import type { PostgresExtension, SslMode } from "../../settings/settings.ts";
import { moduleProvider } from "../docker/module-provider.ts";

/** Inputs of the `ReadOnlyExtensions` resource. */
export interface ReadOnlyExtensionsInputs {
  readonly server: {
    readonly host: string;
    readonly port: number;
    readonly username: string;
    readonly sslmode: SslMode;
  };
  readonly password: string;
  readonly database: string;
  /** The read-only role. */
  readonly role: string;
  readonly extensions: readonly PostgresExtension[];
}

/** What the read-only role needs beside its rights for the tools that rank queries and recommend indexes. */
export class ReadOnlyExtensions extends pulumi.dynamic.Resource {
  constructor(
    name: string,
    inputs: { readonly [K in keyof ReadOnlyExtensionsInputs]: pulumi.Input<ReadOnlyExtensionsInputs[K]> },
    opts: pulumi.CustomResourceOptions,
  ) {
    super(
      moduleProvider("./components/postgres/read-only-extensions.provider.ts", ["create", "update", "delete"]),
      name,
      inputs,
      { ...opts, additionalSecretOutputs: ["password"] },
    );
  }
}
