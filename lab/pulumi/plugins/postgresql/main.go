// The Pulumi plug-in "postgresql", bridged from upstream's Terraform provider.
package main

import (
	"litellm-mcp/lab/plugins/bridge"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-postgresql/postgresql"
)

func main() {
	info := tfbridge.ProviderInfo{
		P:       sdkv2.NewProvider(postgresql.Provider()),
		Name:    "postgresql",
		Version: bridge.Version,
	}
	info.MustComputeTokens(tokens.SingleModule("postgresql_", "index", tokens.MakeStandard(info.Name)))
	info.SetAutonaming(255, "-")
	bridge.Main(info)
}
