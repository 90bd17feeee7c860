// Package bridge holds what the plug-ins share.
package bridge

import (
	"fmt"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
)

// Version of the SDK package that a plug-in serves; the linker sets it from package.json.
var Version = "0.0.0"

// Main serves a provider bridged from Terraform's SDKv2. The SDK packages carry the schema; the engine only wants a name and a version.
func Main(info tfbridge.ProviderInfo) {
	tfbridge.Main(info.Name, info.Version, info, Schema(info.Name))
}

// Schema is the least that the engine accepts as a package schema.
func Schema(name string) []byte {
	return fmt.Appendf(nil, `{"name":%q,"version":%q}`, name, Version)
}
