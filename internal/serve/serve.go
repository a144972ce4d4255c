// Package serve runs the process that Terraform starts: a provider behind the
// plugin protocol.
package serve

import (
	"io"
	"log"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/provider"
	"github.com/hashicorp/terraform-plugin-framework/providerserver"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tfprotov6/tf6server"
)

// Address is the source address of the provider in configurations.
const Address = "registry.terraform.io/kongmesh/kongmesh"

// Provider serves a provider until Terraform stops it. With debugger, it waits
// for a debugger and prints how Terraform can connect to this process.
func Provider(address string, create func() provider.Provider, debugger bool) error {
	return Serve(address, func() tfprotov6.ProviderServer { return Server(create()) }, debugger)
}

// Serve is [Provider] for a server of the plugin protocol.
func Serve(address string, create func() tfprotov6.ProviderServer, debugger bool) error {
	log.SetOutput(io.Discard) // net/http logs unexpected data from a server there, including its content
	var options []tf6server.ServeOpt
	if debugger {
		options = append(options, tf6server.WithManagedDebug())
	} else {
		DisableUnusedLogs()
		tuneGC()
	}
	return tf6server.Serve(address, create, options...)
}

// Server returns a provider as a server of the plugin protocol.
func Server(p provider.Provider) tfprotov6.ProviderServer {
	return withCheckedDiagnostics(p, withoutContextLeak(providerserver.NewProtocol6(p)()))
}

// DisableUnusedLogs turns the log off unless the user of Terraform, or a test,
// has enabled it. The log takes a fifth of the time of a plan, and Terraform
// would discard it.
func DisableUnusedLogs() {
	asked := slices.ContainsFunc(os.Environ(), func(variable string) bool {
		name, value, _ := strings.Cut(variable, "=")
		return (strings.HasPrefix(name, "TF_LOG") || strings.HasPrefix(name, "TF_ACC_LOG")) && value != ""
	})
	if !asked {
		_ = os.Setenv("TF_LOG_SDK", "off") // an unnecessary log is no reason to fail
		_ = os.Setenv("TF_LOG_PROVIDER_KONGMESH", "off")
	}
}

// tuneGC makes the garbage collector run less often, within limits: a call
// allocates much and keeps almost nothing.
func tuneGC() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		const mebibyte = 1 << 20
		debug.SetGCPercent(400)
		debug.SetMemoryLimit(40 * mebibyte)
	}
}
