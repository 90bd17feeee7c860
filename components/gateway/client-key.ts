import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { Settings } from "../../settings/settings.ts";
import { moduleProvider } from "../docker/module-provider.ts";
import { CLIENT_KEY_TYPE, keyValueOf } from "../resource-names.ts";
import type { LiteLlmAdmin } from "./admin-api.ts";
import type { KeyRights } from "./key-rights.ts";

export interface ClientKeyArgs {
  readonly settings: Pick<Settings, "docker" | "gateway">;
  readonly masterKey: pulumi.Input<string>;
  readonly rights: KeyRights;
  /** LiteLLM's database, in which the key is: when it is deleted, the key needs no LiteLLM that still answers. */
  readonly database: pulumi.Resource;
}

/** Inputs and outputs of the resource that registers a key. */
export interface ClientKeyProps extends KeyRights {
  readonly admin: LiteLlmAdmin;
  readonly masterKey: string;
  readonly key: string;
}

class LiteLlmKey extends pulumi.dynamic.Resource {
  constructor(name: string, props: pulumi.Inputs, opts: pulumi.CustomResourceOptions) {
    super(
      moduleProvider("./components/gateway/client-key.provider.ts", ["create", "update", "delete", "read"]),
      name,
      props,
      opts,
    );
  }
}

/** A client's virtual key in LiteLLM, with a value of its own that stays encrypted in the state. */
export class ClientKey extends pulumi.ComponentResource {
  static readonly TYPE = CLIENT_KEY_TYPE;
  /** The key, secret. Known to LiteLLM before anything that uses this output runs. */
  readonly key: pulumi.Output<string>;

  constructor(
    name: string,
    { settings, masterKey, rights, database }: ClientKeyArgs,
    opts?: pulumi.ComponentResourceOptions,
  ) {
    super(ClientKey.TYPE, name, {}, opts);
    const value = new random.RandomPassword(keyValueOf(name), { length: 40, special: false }, { parent: this });
    const key = pulumi.secret(pulumi.interpolate`sk-${value.result}`);
    const admin: LiteLlmAdmin = { docker: settings.docker, port: settings.gateway.adminPort };
    const registered = new LiteLlmKey(
      `${name}-key`,
      { admin, masterKey: pulumi.secret(masterKey), key, ...rights },
      {
        parent: this,
        deletedWith: database,
        additionalSecretOutputs: ["key", "masterKey"],
        // Pulumi makes the new key first and deletes the old one at the end of `up`: the old one works until the
        // ingress has taken the new one.
        replaceOnChanges: ["key"],
      },
    );
    this.key = pulumi.secret(pulumi.all([key, registered.id]).apply(([text]) => text));
    this.registerOutputs({});
  }
}
