// The Pulumi plug-in "random", bridged from upstream's Terraform provider.
package main

import (
	"context"

	"litellm-mcp/lab/plugins/bridge"

	pf "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	"github.com/terraform-providers/terraform-provider-random/shim"
)

func main() {
	info := tfbridge.ProviderInfo{
		P:            pf.ShimProvider(shim.NewProvider()),
		Name:         "random",
		Version:      bridge.Version,
		MetadataInfo: tfbridge.NewProviderMetadata([]byte("{}")),
	}
	// The published names keep the "Random" that the strategy strips.
	info.MustComputeTokens(tokens.SingleModule("random_", "index", func(module, name string) (string, error) {
		return tokens.MakeStandard(info.Name)(module, "Random"+name)
	}))
	pf.Main(context.Background(), info.Name, info, pf.ProviderMetadata{
		PackageSchema:  bridge.Schema(info.Name),
		BridgeMetadata: []byte("{}"),
	})
}
