import * as pulumi from "@pulumi/pulumi";

/** A resource as the program registered it. */
export interface Recorded {
  readonly type: string;
  readonly name: string;
  /** Secrets are `{ [signature], value }`, as on the wire. */
  readonly inputs: Record<string, unknown>;
  readonly provider: string;
}

/** The value of an Output, secret or not. */
export const valueOf = <T>(input: pulumi.Input<T> | undefined) =>
  new Promise<pulumi.Unwrap<T>>((resolve) => pulumi.output(input as pulumi.Input<T>).apply(resolve));

/** Starts Pulumi's mock engine for this process and returns what gets registered with it. */
export async function mockEngine(): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs, provider }) => {
        recorded.push({ type, name, inputs: inputs as Record<string, unknown>, provider: provider ?? "" });
        const state: Record<string, unknown> = { ...inputs };
        // Mocks leave out additionalSecretOutputs; without this no leak could be seen.
        if (type === "random:index/randomPassword:RandomPassword") state.result = pulumi.secret(`plaintext-of-${name}`);
        if (type === "random:index/randomUuid:RandomUuid") state.result = `id-of-${name}`;
        if (type === "docker:index/remoteImage:RemoteImage") state.imageId = `sha256:${name}`;
        return { id: `${name}-id`, state };
      },
      call: ({ token, inputs }) => ({
        ...(inputs as Record<string, unknown>),
        ...(token === "docker:index/getNetwork:getNetwork" && { id: `${inputs["name"]}-id` }),
      }),
    },
    "litellm-mcp",
    "test",
    false,
    "organization",
  );
  return recorded;
}
