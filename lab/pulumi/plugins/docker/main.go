// The Pulumi plug-in "docker", bridged from upstream's Terraform provider.
package main

import (
	"litellm-mcp/lab/plugins/bridge"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge/tokens"
	sdkv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/terraform-providers/terraform-provider-docker/shim"
)

func main() {
	info := tfbridge.ProviderInfo{
		P:       sdkv2.NewProvider(shim.NewProvider()),
		Name:    "docker",
		Version: bridge.Version,
		// Names that the published SDK does not derive from the Terraform name.
		Resources: map[string]*tfbridge.ResourceInfo{
			"docker_image":  {Tok: "docker:index/remoteImage:RemoteImage"},
			"docker_config": {Tok: "docker:index/serviceConfig:ServiceConfig"},
			"docker_container": {
				Tok: "docker:index/container:Container",
				// A second container of the same name or port could not be made beside the first.
				DeleteBeforeReplace: true,
				Fields: map[string]*tfbridge.SchemaInfo{
					"command":           {Name: "command"},
					"networks_advanced": {Name: "networksAdvanced"},
				},
			},
		},
	}
	info.MustComputeTokens(tokens.SingleModule("docker_", "index", tokens.MakeStandard(info.Name)))
	info.SetAutonaming(255, "-")
	bridge.Main(info)
}
